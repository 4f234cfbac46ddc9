"""Refusals: the errors that services raise when they do not do what a call asks for.

None of them knows anything of HTTP.
"""

from typing import Any, ClassVar


class Refusal(Exception):
    """Raised when a call is refused. Nothing has changed then.

    Each code of the contract (/docs/contract/) has a subclass. `detail` says in a sentence what is
    wrong, and `members` are the extra members that the contract names for the code.
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
        "Fewer tickets are free than asked for, or not enough free seats are next to each other. "
        "`available` is how many are free. `may_free_at` is the earliest time at which enough "
        "holds of the ticket group run out for the call to succeed, or null if it never can. "
        "Nothing was held and nothing is remembered, so the same call can succeed later."
    )
    example: ClassVar[dict[str, Any]] = {"available": 1, "may_free_at": "2026-11-23T18:04:05Z"}


class SplitNotAllowed(Refusal):
    code = "split_not_allowed"
    title = "The split rule forbids this quantity"
    meaning = (
        "The ticket group's split rule forbids this quantity of the tickets that are free now. "
        "`allowed_quantities` are the quantities that would succeed now. If there are more than "
        "100, only the 100 smallest are listed, and `allowed_quantities_cut` is true. Nothing was "
        "held and nothing is remembered."
    )
    example: ClassVar[dict[str, Any]] = {"allowed_quantities": [2, 4]}
