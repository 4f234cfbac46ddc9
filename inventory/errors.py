"""Refusals: what the services answer instead of an effect. None of them knows of HTTP."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A call that is not done, and why. One class per code of the contract.

    `detail` says what happened in a sentence; `members` are the extra facts the contract names.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str]
    example: ClassVar[dict[str, Any]] = {}

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.members = members


class TicketGroupNotFound(Refusal):
    code = "ticket_group_not_found"
    title = "This broker has no ticket group with that remote id"
    meaning = "The remote id is unknown to the broker whose key was sent. Nothing was held."


class NotForSale(Refusal):
    code = "not_for_sale"
    title = "The ticket group is not for sale"
    meaning = "The broker took the ticket group off sale, or its event is past. Nothing was held."


class InsufficientTickets(Refusal):
    code = "insufficient_tickets"
    title = "Not enough free tickets together"
    meaning = (
        "Fewer tickets are free than asked for, or no free seats next to each other are enough. "
        "`available` is how many are free. `may_free_at` is the earliest time at which holds of "
        "the ticket group run out so that the call could succeed, and null where it never could. "
        "Nothing was held and nothing is remembered: the same call is judged afresh later."
    )
    example: ClassVar[dict[str, Any]] = {"available": 1, "may_free_at": "2026-11-23T18:04:05Z"}


class SplitNotAllowed(Refusal):
    code = "split_not_allowed"
    title = "The split rule forbids this quantity"
    meaning = (
        "The ticket group's split rule forbids this quantity for what is free now. "
        "`allowed_quantities` are those that would succeed now. They are the 100 smallest where "
        "there are more, and then `allowed_quantities_cut` is true. Nothing was held and nothing "
        "is remembered."
    )
    example: ClassVar[dict[str, Any]] = {"allowed_quantities": [2, 4]}
