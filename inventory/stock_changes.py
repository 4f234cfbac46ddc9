"""Changes the stock of ticket groups, in a transaction that the caller has opened."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from inventory import seat_text
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.seats import stride_of
from inventory.stock_rules import Claim, Contradiction, restocked


def put_in(group: TicketGroup, *, caller: Caller) -> None:
    """Insert a new ticket group that has been validated, and record its tickets in the ledger.

    If its stride is None, its seats decide it.
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
    """Reduce a locked ticket group without claims to these seats and this quantity.

    `now` is the time of the ledger entry.
    """
    fewer = group.quantity - quantity
    group.seats, group.quantity = list(seats), quantity
    group.save(update_fields=["seats", "quantity"])
    LedgerEntry.objects.record(
        Effect.STOCKED, group_id=group.id, tickets=-fewer, seats=seats, now=now, caller=caller
    )


def may_move(group: TicketGroup) -> bool:
    """Return whether a group may get another event, section or row, which claims prevent."""
    return group.held + group.sold == 0


def require_place(
    group: TicketGroup, claims: Sequence[Claim], *, event_id: int | None, section: str, row: str
) -> None:
    """Check that the claims of a group do not move to another event, section or row.

    The marketplace was told these when it held the tickets.

    Raises:
        Contradiction: the group has claims, and the event, section or row differs from its own.
    """
    stays = (group.event_id, group.section, group.row) == (event_id, section, row)
    if claims and not stays:
        names = ", ".join(map(str, claims[:3]))
        raise Contradiction(
            f"Event, section or row would change under the claim {names}, which is for "
            f"{group.event}, section {group.section}, row {group.row}. Release or void the claim "
            "first, or leave the group where it is."
        )


def require_stock(
    group: TicketGroup, seats: Sequence[str], quantity: int, *, claims: Sequence[Claim]
) -> None:
    """Check that a group can have exactly these seats, or this quantity if it has no seats.

    A book may omit claimed tickets, and `restocked` adds them. Staff must include them instead.

    Raises:
        Contradiction: the group would have other seats, another order or another quantity, because
            of its claims.
    """
    there = set(seats)
    for claim in claims:
        if seats and claim.seats and not there.issuperset(claim.seats):
            raise Contradiction(
                f"The claim {claim} has seats {', '.join(claim.seats)}: they cannot be "
                "taken out. Release or void the claim first."
            )
    labels, total = restocked(seats, quantity, claims=claims, free_only=False, present=group.seats)
    if total != quantity:
        raise Contradiction(
            f"{total} tickets are held or sold, and the quantity counts all tickets, so it cannot "
            "be less."
        )
    if labels != list(seats):
        raise Contradiction(
            f"These are the seats that the group has. Their order must stay: "
            f"{seat_text.written(labels)}."
        )
