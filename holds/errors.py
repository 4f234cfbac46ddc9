"""Refusals of the calls on holds."""

from typing import Any, ClassVar

from inventory.errors import Refusal


class HoldNotFound(Refusal):
    code = "hold_not_found"
    title = "This broker has no hold with that global id"
    meaning = (
        "The global id is unknown to the broker whose key was sent. An invoice call that gets this "
        "answer is recorded for the broker's staff as `exception_id`. If the hold comes later, "
        "repeat the invoice call."
    )


class HoldReleased(Refusal):
    code = "hold_released"
    title = "The hold was released"
    meaning = (
        "The global id was released, perhaps before its hold arrived. It holds nothing and never "
        "will again: use a new global id. An invoice call is recorded for the broker's staff as "
        "`exception_id`."
    )


class HoldExpired(Refusal):
    code = "hold_expired"
    title = "The hold has expired"
    meaning = (
        "The hold was not invoiced in time, and its tickets are free again. To hold tickets again, "
        "use a new global id. An invoice call may still succeed while the tickets are free."
    )


class SaleVoided(Refusal):
    code = "sale_voided"
    title = "The sale was voided by the broker's staff"
    meaning = (
        "The hold was invoiced, and staff voided that sale. The global id cannot be used again. An "
        "invoice call is recorded for the broker's staff as `exception_id`."
    )


class GlobalIdReused(Refusal):
    code = "global_id_reused"
    title = "The global id belongs to another hold call"
    meaning = (
        "A hold with this global id exists for another remote id or another quantity. Nothing has "
        "changed, and the first hold stands. Use a new global id."
    )


class AlreadyInvoiced(Refusal):
    code = "already_invoiced"
    title = "The hold is invoiced and cannot be released"
    meaning = (
        "The tickets are sold under `order_id`. They stay sold, and the release call is recorded "
        "for the broker's staff."
    )
    example: ClassVar[dict[str, Any]] = {
        "order_id": "4606857-10324712",
        "exception_id": "5f0c6b1e9d4f4f0f",
    }
