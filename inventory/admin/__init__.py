"""What a broker has, in the admin, and what the admin pages of every app are built with."""

# ruff: noqa: F401  importing registers the pages
from inventory.admin import brokers, events, ledger
