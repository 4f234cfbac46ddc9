"""What a broker has, in the admin, and what the admin of every app is built with."""

from inventory.admin import lists  # noqa: F401  registers its pages
