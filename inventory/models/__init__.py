"""What a broker has: brokers, events, ticket groups, their ledger, and imports of files."""

from inventory.models.brokers import Broker
from inventory.models.events import Event
from inventory.models.imports import Import, ImportRow
from inventory.models.ledger import Caller, Effect, LedgerEntry
from inventory.models.ticket_groups import StockType, TicketGroup, TicketGroupManager

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
    "TicketGroupManager",
]
