"""Writes to ticket groups inside a transaction that others opened: a service, or a form's own."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from inventory import seat_text
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.seats import stride_of
from inventory.stock_rules import Claim, Contradiction, restocked


def put_in(group: TicketGroup, *, caller: Caller) -> None:
    """Insert a new ticket group that was validated, and its tickets into the ledger.

    Its stride is decided now from its seats, unless it has one already.
    """
    if group.stride is None:
        group.stride = stride_of(group.seats)
    group.save(force_insert=True)
    LedgerEntry.objects.record(
        Effect.STOCKED,
        group_id=group.id,
        tickets=group.quantity,
        seats=group.seats,
        now=timezone.now(),
        caller=caller,
    )


def take_out(
    group: TicketGroup, seats: Sequence[str], quantity: int, *, now: datetime, caller: Caller
) -> None:
    """Leave these seats and this quantity to a locked ticket group that nobody has claims on."""
    fewer = group.quantity - quantity
    group.seats, group.quantity = list(seats), quantity
    group.save(update_fields=["seats", "quantity"])
    LedgerEntry.objects.record(
        Effect.STOCKED, group_id=group.id, tickets=-fewer, seats=seats, now=now, caller=caller
    )


def may_move(group: TicketGroup) -> bool:
    """Whether a group may get another event, section or row, by its counters."""
    return group.held + group.sold == 0


def require_place(
    group: TicketGroup, claims: Sequence[Claim], *, event_id: int | None, section: str, row: str
) -> None:
    """Raise Contradiction where claims would move to another event, section or row.

    The marketplace was told these when it held the tickets.
    """
    stays = (group.event_id, group.section, group.row) == (event_id, section, row)
    if claims and not stays:
        names = ", ".join(map(str, claims[:3]))
        raise Contradiction(
            f"Event, section or row would change under the claim {names}: it is {group.event}, "
            f"section {group.section}, row {group.row}. Release or void it first, or leave them "
            "as they are."
        )


def require_stock(
    group: TicketGroup, seats: Sequence[str], quantity: int, *, claims: Sequence[Claim]
) -> None:
    """Raise Contradiction unless a group can have just these seats, or this quantity without.

    What a book may leave unsaid (see `restocked`) a person is asked to say: claimed tickets are
    not put back silently.
    """
    there = set(seats)
    for claim in claims:
        if seats and claim.seats and not there.issuperset(claim.seats):
            raise Contradiction(
                f"The claim {claim} has seats {', '.join(claim.seats)}: they cannot be "
                "taken out. Release or void it first."
            )
    labels, total = restocked(seats, quantity, claims=claims, free_only=False, present=group.seats)
    if total != quantity:
        raise Contradiction(
            f"{total} tickets are held or sold, and the quantity counts all tickets: it cannot be "
            "less."
        )
    if labels != list(seats):
        raise Contradiction(
            f"These are the seats that the group has. Their order stays: "
            f"{seat_text.written(labels)}."
        )
