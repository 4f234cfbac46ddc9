"""What a call reads of a ticket group under its lock, before it decides.

The statements are written in SQL because they are the hot path: the look at a group is sent with
its lock, in one trip.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from holds.make_room import MOST_LISTED, Held
from holds.models import STAFF_PREFIX, Hold
from inventory.database.trips import Rows, Statement
from inventory.models import TicketGroup
from inventory.transactions import send

_COLUMNS = [field.attname for field in Hold._meta.concrete_fields]


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


# What a call must know before it decides. The claims of a group without seat numbers are not read:
# they have no positions, and there may be many thousands of them. The two live states are queried
# separately, because PostgreSQL before 17 may otherwise read the whole history of the group from
# its index. LIMIT 1 says that an id is unique, which no key of the id alone says. OFFSET 0 keeps
# the state from being looked for in an index of all live claims. Sessions keep the plans of this
# statement, so they must be right even if they were made while the tables were empty.
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
        EXISTS (SELECT FROM (
            SELECT state FROM holds_hold
            WHERE broker_id = %(broker_id)s AND order_id = %(order_id)s
                AND global_id LIKE '{staff}%' OFFSET 0) sale WHERE state = 'invoiced'),
        {hold}
    FROM inventory_broker broker
    LEFT JOIN holds_hold hold ON hold.broker_id = broker.id AND hold.global_id = %(global_id)s
    LEFT JOIN LATERAL (
        SELECT * FROM inventory_ticketgroup WHERE {group} LIMIT 1) ticketgroup ON true
    LEFT JOIN LATERAL (
        SELECT past_at FROM inventory_event WHERE id = ticketgroup.event_id LIMIT 1) event ON true
    WHERE broker.id = %(broker_id)s
"""


def _look(name: str, group: str) -> Statement:
    """Return the statement that looks at the group which the SQL condition `group` selects."""
    hold = ", ".join(f"hold.{column}" for column in _COLUMNS)
    return Statement(name, _LOOK.format(staff=STAFF_PREFIX, hold=hold, group=group))


_LOOK_BY_HOLD = _look("look_by_hold", "id = hold.group_id")
_LOOK_BY_REMOTE_ID = _look(
    "look_by_remote_id", "broker_id = %(broker_id)s AND remote_id = %(remote_id)s"
)
_LOOK_BY_ID = _look("look_by_id", "broker_id = %(broker_id)s AND id = %(group_id)s")
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
