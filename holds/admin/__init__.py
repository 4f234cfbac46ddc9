"""Holds, exceptions, imports, and ticket groups with what is claimed of them, in the admin."""

# ruff: noqa: F401  importing registers the pages
from holds.admin import holds, imports, order_exceptions, ticket_groups
