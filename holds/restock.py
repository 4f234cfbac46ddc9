"""Changing the stock of a ticket group while some of its tickets are claimed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from holds.models import Hold
from inventory import seats
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.stock_rules import Claim, restocked

# Claims are moved this far away while their positions change, which is further than any position.
# So no two of them ever overlap in between.
_ASIDE = 1_000_000_000
_MADE_LIVE = (Effect.HELD, Effect.INVOICED_LATE)


def claims_of(group_ids: Sequence[int]) -> dict[int, list[Claim]]:
    """Return the live claims of ticket groups, by the id of the group."""
    found: dict[int, list[Claim]] = {}
    live = Hold.objects.live().filter(group_id__in=group_ids).order_by("id")
    columns = ("group_id", "global_id", "quantity", "seats", "customer")
    for group_id, global_id, quantity, labels, customer in live.values_list(*columns):
        claim = Claim(global_id, quantity, tuple(labels), customer)
        found.setdefault(group_id, []).append(claim)
    return found


class Since(NamedTuple):
    """What has happened to the claims of a ticket group since a moment.

    `made` has the global ids of the claims that were not live at the moment and have been live
    since. `then` has the claims that were live at the moment and have changed since, as they were
    at the moment.
    """

    made: set[str]
    then: list[Claim]


def claims_since(group_ids: Sequence[int], moment: datetime) -> dict[int, Since]:
    """Return what has happened to the claims of ticket groups since a moment, by group id.

    This follows from the ledger. A claim becomes live when it is placed, or when it is invoiced
    after its expiry. If the first entry of a claim after the moment is any other, the claim was
    live at the moment.
    """
    found: dict[int, Since] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (group_id, global_id) group_id, global_id, effect, tickets, seats
            FROM inventory_ledgerentry
            WHERE group_id = ANY(%s) AND at > %s AND effect <> 'stocked'
            ORDER BY group_id, global_id, number
            """,
            (list(group_ids), moment),
        )
        for group_id, global_id, effect, tickets, labels in cursor.fetchall():
            since = found.setdefault(group_id, Since(set(), []))
            if effect in _MADE_LIVE:
                since.made.add(global_id)
            else:
                since.then.append(Claim(global_id, tickets, tuple(labels)))
    return found


def restock(
    group: TicketGroup,
    listed: Sequence[str],
    quantity: int,
    *,
    claims: Sequence[Claim],
    free_only: bool = False,
    stride: int | None = None,
    now: datetime,
    caller: Caller,
) -> bool:
    """Change the seats and the quantity of a locked ticket group, and keep its claims.

    `claims` are the live claims of the group, read after the lock. Their positions follow their
    seats. `free_only` says that `listed` and `quantity` count only tickets that are not claimed.
    `stride` is the distance between adjacent seat numbers, where staff give it. Without it,
    `seats.stride_after` decides. Returns whether the stock has changed.

    Raises:
        Contradiction: a claim would lose its tickets. Nothing has been written.
    """
    labels, total = restocked(
        listed, quantity, claims=claims, free_only=free_only, present=group.seats
    )
    if (labels, total) == (group.seats, group.quantity):
        return False
    more = total - group.quantity
    stride = stride or seats.stride_after(group.stride, group.seats, labels)
    numbered = [claim for claim in claims if claim.seats]
    with connection.cursor() as cursor:
        if numbered:
            cursor.execute(
                "UPDATE holds_hold SET positions = int4range(lower(positions) + %s,"
                " upper(positions) + %s) WHERE group_id = %s AND positions IS NOT NULL",
                (_ASIDE, _ASIDE, group.id),
            )
        cursor.execute(
            "UPDATE inventory_ticketgroup SET seats = %s, quantity = %s, stride = %s WHERE id = %s",
            (labels, total, stride, group.id),
        )
        for claim in numbered:
            place = seats.find(labels, claim.seats)
            if place is None:
                raise ValueError(f"{claim.global_id} lost its seats")  # restocked() rules it out
            cursor.execute(
                "UPDATE holds_hold SET positions = int4range(%s, %s)"
                " WHERE broker_id = %s AND global_id = %s",
                (place.start, place.stop, group.broker_id, claim.global_id),
            )
    group.seats, group.quantity, group.stride = labels, total, stride
    LedgerEntry.objects.record(
        Effect.STOCKED, group_id=group.id, tickets=more, seats=labels, now=now, caller=caller
    )
    return True
