"""All statements that read claims under the lock, or write claims. Only services use them.

They are written in SQL because they are the hot path: a call sends one statement to lock, one to
read, and then all its writes together.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from django.db import IntegrityError, connection
from psycopg.types.range import Range

from holds.make_room import MOST_LISTED, Held
from holds.models import STAFF_PREFIX, Hold, State
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.transactions import one_trip

P = ParamSpec("P")
T = TypeVar("T")


class Situation(NamedTuple):
    """What a call reads once it has the lock.

    `now` is the database's clock, `hold` is the hold of the call's global id if there is one, and
    `past` says whether the event of the group is past. `hold_lifetime` is in seconds. `claimed`
    has the positions that live holds of the group claim, overdue holds included. `excepted` says
    whether an exception of this global id is open. `sold_by_staff` says whether staff have sold
    tickets under the order id that the call names.
    """

    now: datetime
    hold: Hold | None
    past: bool
    hold_lifetime: int
    currency: str
    claimed: list[range]
    excepted: bool
    sold_by_staff: bool


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
            if "hold_global_id_unique" not in str(error):
                raise
        return call(*args, **kwargs)

    return again


def locked_group(*, broker_id: int, global_id: str) -> AbstractContextManager[TicketGroup | None]:
    """Lock the ticket group of a hold, which never changes. Gives None where there is none."""
    group: AbstractContextManager[TicketGroup | None] = TicketGroup.objects.locked_by_query(
        "SELECT group_id FROM holds_hold WHERE broker_id = %s AND global_id = %s",
        broker_id,
        global_id,
    )
    return group


def read_situation(
    *, broker_id: int, global_id: str, group: TicketGroup | None, order_id: str | None = None
) -> Situation:
    """Read all that a call must know before it decides, after its group is locked.

    This is a statement of its own, because the snapshot and the clock of the locking statement are
    from before its wait for the lock. The claims of a group without seat numbers are not read: they
    have no positions, and there may be many thousands of them. The two live states are queried
    separately, because PostgreSQL before 17 may otherwise read the whole history of the group from
    its index.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT clock_timestamp(), event.past_at, broker.hold_lifetime, broker.currency,
                CASE WHEN ticketgroup.seats <> '{{}}' THEN
                    (SELECT range_agg(positions) FROM (
                        SELECT positions FROM holds_hold
                        WHERE group_id = ticketgroup.id AND state = 'held'
                        UNION ALL SELECT positions FROM holds_hold
                        WHERE group_id = ticketgroup.id AND state = 'invoiced') claim) END,
                EXISTS (SELECT 1 FROM holds_orderexception
                        WHERE broker_id = broker.id AND global_id = %s AND resolved_at IS NULL),
                EXISTS (SELECT 1 FROM holds_hold sale
                        WHERE sale.broker_id = broker.id AND sale.order_id = %s
                            AND sale.state = 'invoiced' AND sale.global_id LIKE '{STAFF_PREFIX}%%'),
                {", ".join(f"hold.{name}" for name in _column_names())}
            FROM inventory_broker broker
            LEFT JOIN inventory_ticketgroup ticketgroup ON ticketgroup.id = %s
            LEFT JOIN inventory_event event ON event.id = ticketgroup.event_id
            LEFT JOIN holds_hold hold ON hold.broker_id = broker.id AND hold.global_id = %s
            WHERE broker.id = %s
            """,  # noqa: S608  no outside text in it
            (global_id, order_id, group.id if group else None, global_id, broker_id),
        )
        row = cursor.fetchone()
        now, past_at, hold_lifetime, currency, claimed, excepted, sold_by_staff, *hold = row
    return Situation(
        now=now,
        hold=None if hold[0] is None else Hold.from_db("default", _column_names(), hold),
        past=past_at is not None and past_at <= now,
        hold_lifetime=hold_lifetime,
        currency=currency,
        claimed=[range(part.lower, part.upper) for part in claimed or ()],
        excepted=excepted,
        sold_by_staff=sold_by_staff,
    )


class Waiting(NamedTuple):
    """The held holds of a locked group, ordered by the time at which they expire.

    `overdue` is the number of tickets of overdue holds. `past_at` is the time from which the event
    is past, or None.
    """

    held: list[Held]
    overdue: int
    past_at: datetime | None


_HELD = """
    SELECT id, quantity, positions, expires_at FROM holds_hold
    WHERE group_id = %(group)s AND state = 'held'
"""
_FIRST_OF_EACH_SIZE = f"""
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY quantity ORDER BY expires_at, id) AS nth
        FROM ({_HELD}) held) held
    WHERE nth <= %(listed)s OR (nth - 1) * quantity < %(most)s
"""  # noqa: S608  no outside text in it


def waiting(group: TicketGroup, *, quantity: int, exact: bool, now: datetime) -> Waiting:
    """Read the held holds of a locked group that can matter to a call for `quantity` tickets.

    Where seats are numbered, all held holds are read. In general admission any ticket will do, so
    it is enough to read the holds that expire first: as many as there are tickets wanted, and two
    more for a split rule under which one ticket must not be left. Where an `exact` number of
    tickets must become free, that many holds of each size are read. A refusal that lists allowed
    quantities needs at least as many holds as it lists quantities.
    """
    listed = MOST_LISTED + 2
    most = max(min(quantity, group.quantity) + 2, listed)
    counted = not group.seats
    held = _FIRST_OF_EACH_SIZE if counted and exact else _HELD
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, quantity, lower(positions), upper(positions), expires_at,
                (SELECT coalesce(sum(quantity), 0) FROM ({_HELD}) late WHERE expires_at <= %(now)s),
                (SELECT past_at FROM inventory_event WHERE id = %(event)s)
            FROM ({held}) held ORDER BY expires_at, id LIMIT %(limit)s
            """,  # noqa: S608  no outside text in it
            {
                "group": group.id,
                "event": group.event_id,
                "now": now,
                "listed": listed,
                "most": most,
                "limit": most if counted and not exact else None,
            },
        )
        rows = cursor.fetchall()
    read = [
        Held(number, tickets, range(start or 0, stop or 0), expires_at)
        for number, tickets, start, stop, expires_at, *_ in rows
    ]
    return Waiting(read, *(rows[0][5:] if rows else (0, None)))


def clock() -> datetime:
    """Return the time of the database's clock, read in a statement of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


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
    with one_trip():
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
    with one_trip(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE holds_hold SET state = %s, positions = %s, seats = %s, order_id = %s,"
            " changed_at = %s WHERE id = %s",
            (hold.state, hold.positions, hold.seats, hold.order_id, now, hold.id),
        )
        _record(effect, hold, now, caller)


def reseat(hold: Hold, group: TicketGroup, positions: range | None) -> None:
    """Set the positions and seats of an expired hold, without saving the hold."""
    for name, value in _seated(group, positions).items():
        setattr(hold, name, value)


_STATE_AFTER = {
    Effect.RELEASED: State.RELEASED,
    Effect.RELEASED_LATE: State.RELEASED,
    Effect.EXPIRED: State.EXPIRED,
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


def _column_names() -> list[str]:
    return [field.attname for field in Hold._meta.concrete_fields]


def _insert(hold: Hold) -> None:
    names = [name for name in _column_names() if name != "id"]
    places = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO holds_hold ({', '.join(names)}) VALUES ({places})",  # noqa: S608
            [getattr(hold, name) for name in names],
        )


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
