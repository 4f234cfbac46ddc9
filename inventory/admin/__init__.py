"""The admin pages of brokers, events and the ledger, and the base of every app's admin pages.

The pages of ticket groups and imports are in `holds.admin`, because they need the live claims.
"""

# ruff: noqa: F401  importing these modules registers their pages
from inventory.admin import brokers, events, ledger
