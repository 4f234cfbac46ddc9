"""Holds, exceptions, imports, and ticket groups with what is claimed of them, in the admin."""

from holds.admin import exceptions, groups, holds, imports  # noqa: F401  they register their pages
