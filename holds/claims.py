"""All statements that write claims. Only services use them.

They are written in SQL because they are the hot path: a call sends all its writes with COMMIT, in
one trip.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from django.db import IntegrityError
from psycopg.types.range import Range

from holds.locked_reads import Situation
from holds.models import Hold, State
from inventory.database.trips import Statement, insert
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.models.ledger import INSERT_ENTRIES
from inventory.transactions import write
from inventory.violations import violates

P = ParamSpec("P")
T = TypeVar("T")


class Terms(NamedTuple):
    """The terms of a hold: when it expires, the price of one ticket, and what staff noted."""

    expires_at: datetime
    unit_price: Decimal
    customer: str = ""
    note: str = ""


class ClaimMoved(Exception):
    """The hold appeared after the call looked for its group. The call must start again."""


def retry_once_if_outraced(call: Callable[P, T]) -> Callable[P, T]:
    """Run a service once more where another call with the same global id has won the race.

    Two calls with one global id do not always wait for the same group's lock. The unique constraint
    then decides which hold is stored, and the second run of the other call finds that hold.
    """

    @wraps(call)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except ClaimMoved:
            pass
        except IntegrityError as error:
            if not violates(error, "hold_global_id_unique"):
                raise
        return call(*args, **kwargs)

    return again


def claim(
    group: TicketGroup,
    *,
    global_id: str,
    quantity: int,
    positions: range | None,
    situation: Situation,
    caller: Caller,
    terms: Terms | None = None,
) -> Hold:
    """Hold tickets of a locked group, and return the hold.

    `positions` are those of the seats; None where tickets have no seat numbers. The broker's usual
    terms apply where no `terms` are given.

    Raises:
        IntegrityError: a constraint of the database forbids the hold.
    """
    terms = terms or Terms(situation.now + timedelta(seconds=situation.hold_lifetime), group.price)
    hold = Hold(
        broker_id=group.broker_id,
        global_id=global_id,
        group_id=group.id,
        event_id=group.event_id,
        remote_id=group.remote_id,
        quantity=quantity,
        section=group.section,
        row=group.row,
        currency=situation.currency,
        state=State.HELD,
        created_at=situation.now,
        changed_at=situation.now,
        expires_at=terms.expires_at,
        unit_price=terms.unit_price,
        customer=terms.customer,
        note=terms.note,
        **_seated(group, positions),
    )
    _insert(hold)
    _record(Effect.HELD, hold, situation.now, caller)
    return hold


def record_early_release(*, broker_id: int, global_id: str, situation: Situation) -> Hold:
    """Store and return a tombstone, which says that an id was released before its hold came."""
    hold = Hold(
        broker_id=broker_id,
        global_id=global_id,
        quantity=0,
        currency=situation.currency,
        state=State.RELEASED,
        created_at=situation.now,
        changed_at=situation.now,
    )
    _insert(hold)
    return hold


def change(hold: Hold, effect: Effect, *, now: datetime, caller: Caller) -> None:
    """Change the state of a hold of a locked group, and the counters of the group with it."""
    hold.state = _STATE_AFTER[effect]
    if hold.state != State.INVOICED:
        hold.positions = None
    hold.changed_at = now
    write(
        _CHANGE(
            id=hold.id,
            state=hold.state,
            positions=hold.positions,
            seats=hold.seats,
            order_id=hold.order_id,
            changed_at=now,
        )
    )
    _record(effect, hold, now, caller)


_CHANGE = Statement(
    "change",
    "UPDATE holds_hold SET state = %(state)s, positions = %(positions)s, seats = %(seats)s,"
    " order_id = %(order_id)s, changed_at = %(changed_at)s WHERE id = %(id)s",
)


def expire(hold_ids: Sequence[int], *, now: datetime, caller: Caller) -> None:
    """Expire holds of locked groups in one statement. The ledger has them in the order of expiry.

    The caller has read under the lock that they are held, and that they are overdue at `now`.
    """
    write(_EXPIRE(ids=list(hold_ids), now=now, asked_by=caller.name, request_id=caller.request_id))


# The entries of a group are numbered from its counter on, and show its counters after each of them.
# PostgreSQL finds the groups of an array by their index, however many it expects.
_EXPIRE = Statement(
    "expire",
    f"""
    WITH overdue AS (
        SELECT id, broker_id, group_id, quantity, seats, global_id,
            row_number() OVER in_order AS nth, sum(quantity) OVER in_order AS so_far
        FROM holds_hold WHERE id = ANY (%(ids)s::bigint[])
        WINDOW in_order AS (PARTITION BY group_id ORDER BY expires_at, id)),
    expired AS (
        UPDATE holds_hold SET state = 'expired', positions = NULL, changed_at = %(now)s
        WHERE id = ANY (%(ids)s::bigint[])),
    of_group AS (
        SELECT group_id, sum(quantity) AS tickets, count(*) AS holds
        FROM overdue GROUP BY group_id),
    changed AS (
        UPDATE inventory_ticketgroup ticketgroup
        SET held = held - tickets, entries = entries + holds
        FROM of_group WHERE ticketgroup.id = of_group.group_id
            AND ticketgroup.id = ANY (ARRAY(SELECT group_id FROM of_group))
        RETURNING ticketgroup.id, ticketgroup.quantity, held + tickets AS held, sold,
            entries - holds AS entries)
    {INSERT_ENTRIES}
    SELECT broker_id, group_id, entries + nth, 'expired', overdue.quantity, seats, global_id,
        changed.quantity, held - so_far, sold, %(asked_by)s, %(request_id)s, %(now)s
    FROM overdue JOIN changed ON changed.id = overdue.group_id
    ORDER BY group_id, nth
    """,  # noqa: S608  no outside text in it
)


def reseat(hold: Hold, group: TicketGroup, positions: range | None) -> None:
    """Set the positions and seats of an expired hold, without saving the hold."""
    for name, value in _seated(group, positions).items():
        setattr(hold, name, value)


_STATE_AFTER = {
    Effect.RELEASED: State.RELEASED,
    Effect.RELEASED_LATE: State.RELEASED,
    Effect.INVOICED: State.INVOICED,
    Effect.INVOICED_LATE: State.INVOICED,
    Effect.VOIDED: State.VOIDED,
}


def _seated(group: TicketGroup, positions: range | None) -> dict[str, object]:
    if positions is None:
        return {"positions": None, "seats": []}
    return {
        "positions": Range(positions.start, positions.stop),
        "seats": group.seats[positions.start : positions.stop],
    }


def _insert(hold: Hold) -> None:
    write(_CLAIM(**{name: getattr(hold, name) for name in _CLAIM.parameters}))


_CLAIM = insert("claim", Hold)


def _record(effect: Effect, hold: Hold, now: datetime, caller: Caller) -> None:
    if hold.group_id is None:  # a tombstone has no tickets to count
        raise ValueError(f"{hold} is a tombstone and cannot be {effect}")
    LedgerEntry.objects.record(
        effect,
        group_id=hold.group_id,
        tickets=hold.quantity,
        seats=hold.seats,
        global_id=hold.global_id,
        now=now,
        caller=caller,
    )
