"""The models of the inventory: brokers, events, ticket groups, the ledger, and imports of files.

Each module has the models of one subject, with their managers and their database constraints.
"""

from inventory.models.brokers import Broker
from inventory.models.events import Event
from inventory.models.imports import Import, ImportRow
from inventory.models.ledger import Caller, Effect, LedgerEntry
from inventory.models.ticket_groups import StockType, TicketGroup

__all__ = [
    "Broker",
    "Caller",
    "Effect",
    "Event",
    "Import",
    "ImportRow",
    "LedgerEntry",
    "StockType",
    "TicketGroup",
]
