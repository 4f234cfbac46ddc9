"""Refusals of the calls on invoices."""

from typing import Any, ClassVar

from inventory.errors import Refusal


class OrderConflict(Refusal):
    code = "order_conflict"
    title = "The hold is invoiced under another order id"
    meaning = (
        "The tickets are sold under `order_id`, the first order id that came. The second order is "
        "recorded for the broker's staff."
    )
    example: ClassVar[dict[str, Any]] = {
        "order_id": "4606857-10324712",
        "exception_id": "5f0c6b1e9d4f4f0f",
    }


class TicketsUnavailable(Refusal):
    code = "tickets_unavailable"
    title = "The hold had expired and its tickets are gone"
    meaning = (
        "The invoice call came after the hold had expired. Neither its seats nor others of the "
        "group are free together, or the group has vanished from the broker's book. The call is "
        "recorded for the broker's staff as `exception_id`. The same call succeeds once tickets "
        "are free."
    )
    example: ClassVar[dict[str, Any]] = {"exception_id": "5f0c6b1e9d4f4f0f"}


class InvoiceNotFound(Refusal):
    code = "invoice_not_found"
    title = "This broker has no invoice with that order id"
    meaning = "The order id is unknown to the broker whose key was sent."
