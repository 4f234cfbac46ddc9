"""All statements that read claims under the lock, or write claims. Only services use them.

They are written in SQL because they are the hot path: a call sends one statement to lock, one to
read, and then all its writes together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from django.db import IntegrityError
from psycopg.types.range import Range

from holds.make_room import MOST_LISTED, Held
from holds.models import STAFF_PREFIX, Hold, State
from inventory.database.trips import Rows, Statement, insert
from inventory.models import Caller, Effect, LedgerEntry, TicketGroup
from inventory.models.ledger import INSERT_ENTRIES
from inventory.transactions import send, write
from inventory.violations import violates

_COLUMNS = [field.attname for field in Hold._meta.concrete_fields]

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
            if not violates(error, "hold_global_id_unique"):
                raise
        return call(*args, **kwargs)

    return again


# What a call must know before it decides. The claims of a group without seat numbers are not read:
# they have no positions, and there may be many thousands of them. The two live states are queried
# separately, because PostgreSQL before 17 may otherwise read the whole history of the group from
# its index.
_LOOK = """
    SELECT clock_timestamp(), event.past_at, broker.hold_lifetime, broker.currency,
        CASE WHEN ticketgroup.seats <> '{{}}' THEN
            (SELECT array_agg(ARRAY[lower(positions), upper(positions)] ORDER BY positions) FROM (
                SELECT positions FROM holds_hold
                WHERE group_id = ticketgroup.id AND state = 'held'
                UNION ALL SELECT positions FROM holds_hold
                WHERE group_id = ticketgroup.id AND state = 'invoiced') claim) END,
        EXISTS (SELECT 1 FROM holds_orderexception
                WHERE broker_id = broker.id AND global_id = %(global_id)s AND resolved_at IS NULL),
        EXISTS (SELECT 1 FROM holds_hold sale
                WHERE sale.broker_id = broker.id AND sale.order_id = %(order_id)s
                    AND sale.state = 'invoiced' AND sale.global_id LIKE '{staff}%'),
        {hold}
    FROM inventory_broker broker
    LEFT JOIN holds_hold hold ON hold.broker_id = broker.id AND hold.global_id = %(global_id)s
    LEFT JOIN inventory_ticketgroup ticketgroup ON {group}
    LEFT JOIN inventory_event event ON event.id = ticketgroup.event_id
    WHERE broker.id = %(broker_id)s
"""


def _look(name: str, group: str) -> Statement:
    """Return the statement that looks at the group which the SQL condition `group` selects."""
    hold = ", ".join(f"hold.{column}" for column in _COLUMNS)
    return Statement(name, _LOOK.format(staff=STAFF_PREFIX, hold=hold, group=group))


_LOOK_BY_HOLD = _look("look_by_hold", "ticketgroup.id = hold.group_id")
_LOOK_BY_REMOTE_ID = _look(
    "look_by_remote_id",
    "ticketgroup.broker_id = broker.id AND ticketgroup.remote_id = %(remote_id)s",
)
_LOOK_BY_ID = _look(
    "look_by_id", "ticketgroup.broker_id = broker.id AND ticketgroup.id = %(group_id)s"
)
_GROUP_OF_HOLD = Statement(
    "group_of_hold",
    "SELECT group_id FROM holds_hold WHERE broker_id = %(broker_id)s AND global_id = %(global_id)s",
)


@contextmanager
def locked_by_hold(
    *, broker_id: int, global_id: str, order_id: str | None = None
) -> Iterator[tuple[TicketGroup | None, Situation]]:
    """Lock the ticket group of a hold, which never changes, and read the situation.

    Gives None for the group where there is no such hold.
    """
    with TicketGroup.objects.locked_by_query(
        _GROUP_OF_HOLD(broker_id=broker_id, global_id=global_id),
        then=[_LOOK_BY_HOLD(broker_id=broker_id, global_id=global_id, order_id=order_id)],
    ) as (group, [rows]):
        yield group, _situation(rows)


@contextmanager
def locked_by_remote_id(
    *, broker_id: int, remote_id: str, global_id: str
) -> Iterator[tuple[TicketGroup | None, Situation]]:
    """Lock the ticket group with a remote id, and read the situation of a call for `global_id`.

    Gives None for the group where the broker has no such group.
    """
    with TicketGroup.objects.locked_by_remote_id(
        broker_id=broker_id,
        remote_id=remote_id,
        then=[
            _LOOK_BY_REMOTE_ID(
                broker_id=broker_id, remote_id=remote_id, global_id=global_id, order_id=None
            )
        ],
    ) as (group, [rows]):
        yield group, _situation(rows)


@contextmanager
def locked_by_id(
    *, broker_id: int, group_id: int, global_id: str
) -> Iterator[tuple[TicketGroup | None, Situation]]:
    """Lock the ticket group with an id, and read the situation of a form of staff, `global_id`.

    Gives None for the group where the broker has no such group.
    """
    with TicketGroup.objects.locked_by_id(
        group_id,
        broker_id=broker_id,
        then=[
            _LOOK_BY_ID(broker_id=broker_id, group_id=group_id, global_id=global_id, order_id=None)
        ],
    ) as (group, [rows]):
        yield group, _situation(rows)


def _situation(rows: Rows) -> Situation:
    now, past_at, hold_lifetime, currency, claimed, excepted, sold_by_staff, *hold = rows[0]
    return Situation(
        now=now,
        hold=None if hold[0] is None else Hold.from_db("default", _COLUMNS, hold),
        past=past_at is not None and past_at <= now,
        hold_lifetime=hold_lifetime,
        currency=currency,
        claimed=[range(start, stop) for start, stop in claimed or ()],
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
    WHERE group_id = %(group_id)s AND state = 'held'
"""
_FIRST_OF_EACH_SIZE = f"""
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY quantity ORDER BY expires_at, id) AS nth
        FROM ({_HELD}) held) held
    WHERE nth <= %(listed)s::integer OR (nth - 1) * quantity < %(most)s::integer
"""  # noqa: S608  no outside text in it
_WAITING = """
    SELECT id, quantity, lower(positions), upper(positions), expires_at,
        (SELECT coalesce(sum(quantity), 0) FROM ({held}) late WHERE expires_at <= %(now)s),
        (SELECT past_at FROM inventory_event WHERE id = %(event_id)s)
    FROM ({read}) held ORDER BY expires_at, id LIMIT %(limit)s::integer
"""
_ALL_WAITING = Statement("waiting", _WAITING.format(held=_HELD, read=_HELD))
_SOME_WAITING = Statement("waiting_of_sizes", _WAITING.format(held=_HELD, read=_FIRST_OF_EACH_SIZE))


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
    known = {"group_id": group.id, "event_id": group.event_id, "now": now}
    if group.seats:
        statement = _ALL_WAITING(**known, limit=None)
    elif exact:
        statement = _SOME_WAITING(**known, listed=listed, most=most, limit=None)
    else:
        statement = _ALL_WAITING(**known, limit=most)
    [rows] = send(statement)
    read = [
        Held(number, tickets, range(start or 0, stop or 0), expires_at)
        for number, tickets, start, stop, expires_at, *_ in rows
    ]
    return Waiting(read, *(rows[0][5:] if rows else (0, None)))


_CLOCK = Statement("clock", "SELECT clock_timestamp()")


def clock() -> datetime:
    """Return the time of the database's clock, read in a statement of its own."""
    [[(now,)]] = send(_CLOCK())
    return now  # type: ignore[no-any-return]


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
