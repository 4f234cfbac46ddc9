"""Admin pages of holds, exceptions, imports and ticket groups.

Ticket groups and imports have their pages here and not in inventory, because they show the claims.
"""

# ruff: noqa: F401  importing registers the pages
from holds.admin import holds, imports, order_exceptions, ticket_groups
