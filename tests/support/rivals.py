"""Calls that meet: threads with connections of their own, stopped and let go at exact places."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlencode

import psycopg
import pytest
from django.core.management.color import no_style
from django.db import connection, connections, models

from automator.audit import differences
from holds.models import Hold
from inventory.database.base import Connection
from inventory.database.trips import Bound, Rows, Statement
from inventory.models import Broker, LedgerEntry, TicketGroup
from inventory.models.ticket_group_locks import TicketGroupLocks
from tests.support.marketplace import Api, documented
from tests.support.programs import PATIENCE, wait_until
from tests.support.tenant_tables import renew_primary_key

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

T = TypeVar("T")

# What stands between a race that is lost and a ticket that is sold twice, once the lock is off.
WALLS: dict[type[models.Model], tuple[str, ...]] = {
    Hold: ("hold_seats_claimed_once", "hold_global_id_unique"),
    TicketGroup: ("ticketgroup_claims_within_quantity",),
}
TRIGGERED = ("holds_hold", "inventory_ledgerentry")


def database_url() -> str:
    """The tests' database, for another program or a connection outside Django."""
    settings = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    query = {name: settings[key] for name, key in names.items() if settings[key]}
    return f"postgresql:///{settings['NAME']}?{urlencode(query, quote_via=quote)}"


@contextmanager
def outsider(**options: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection that is none of the project's: a transaction that ends with the block."""
    with psycopg.connect(database_url(), **options) as rival:
        yield rival


@contextmanager
def somebody_locks(group: TicketGroup) -> Iterator[psycopg.Connection[Any]]:
    """Keep a ticket group locked from outside, until the block ends."""
    with outsider() as rival:
        rival.execute("SELECT FROM inventory_ticketgroup WHERE id = %s FOR UPDATE", (group.id,))
        yield rival


def waiting() -> list[int]:
    """The backends that wait for a lock now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def until_waiting(calls: int) -> None:
    """Return when so many calls wait for a lock."""
    wait_until(lambda: len(waiting()) >= calls, f"{calls} calls at a lock")


class Rivals:
    """Runs calls in threads, each with a connection of its own."""

    def __init__(self, threads: int = 16) -> None:
        documented()  # once, here: the threads share it
        self.pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.pool.shutdown()

    def start(self, call: Callable[[], T]) -> "Future[T]":
        """Run a call and return at once."""

        def alone() -> T:
            try:
                return call()
            finally:
                connections.close_all()

        return self.pool.submit(alone)

    def queue(self, group: TicketGroup, *calls: Callable[[], T]) -> list[T]:
        """Let calls line up at the group's lock, in this order, then let them in."""
        with somebody_locks(group):
            started = []
            for number, call in enumerate(calls, start=1):
                started.append(self.start(call))
                until_waiting(number)
        return [one.result(PATIENCE) for one in started]

    def together(self, *calls: Callable[[], T]) -> list[T]:
        """Run calls at once."""
        started = [self.start(call) for call in calls]
        return [one.result(PATIENCE) for one in started]


class Pause:
    """Stops the calls that come to a function, before they enter it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.go_on.wait(PATIENCE)


def before(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, do: Callable[[], object]
) -> None:
    """Let every call of a function do something first."""
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        do()
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, wrapped)


def before_looking(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Let every call do something between its lock and the statement that looks at the group."""
    trip = Connection.trip

    def halved(self: Connection, statements: Sequence[Bound]) -> list[Rows]:
        names = [bound.statement.name for bound in statements]
        at = next((n for n, name in enumerate(names) if name.startswith("look_")), None)
        if at is None:
            return trip(self, statements)
        locked = trip(self, statements[:at])
        do()
        return locked + trip(self, statements[at:])

    monkeypatch.setattr(Connection, "trip", halved)


def lock_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock of every effect exclude nobody."""
    locking = TicketGroupLocks._locking

    def weak(*of: Any) -> Statement:
        lock = locking(*of)
        return Statement(f"weak_{lock.name}", lock.text.replace("NO KEY UPDATE", "KEY SHARE"))

    monkeypatch.setattr(TicketGroupLocks, "_locking", weak)


@pytest.fixture
def rivals() -> Iterator[Rivals]:
    with Rivals() as threads:
        yield threads


@pytest.fixture
def naive(walls_down: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock, no constraint and no trigger: what is left is reading, deciding and writing."""
    lock_off(monkeypatch)


@pytest.fixture
def walls_down(broker: Broker) -> Iterator[None]:
    """No constraint and no trigger: nothing but the lock is between a race and its loser."""
    with connection.cursor() as cursor:
        for model, names in WALLS.items():
            for name in names:
                cursor.execute(f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {name}")
        for table in TRIGGERED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    everything = connection.ops.sql_flush(no_style(), ["inventory_broker"], allow_cascade=True)
    connection.ops.execute_sql_flush(everything)
    with connection.cursor() as cursor:
        for table in TRIGGERED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    with connection.schema_editor() as editor:
        for model, names in WALLS.items():
            for constraint in model._meta.constraints:
                if constraint.name in names:
                    editor.add_constraint(model, constraint)
    renew_primary_key("holds_hold")


def apis(broker: Broker, number: int) -> list[Api]:
    """So many marketplaces of a broker: one a thread."""
    return [Api(broker) for _ in range(number)]


def statuses(answers: list["Answer"]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(answer.status_code for answer in answers)


def effects() -> list[tuple[str, str]]:
    """What happened to holds, in order."""
    entries = LedgerEntry.objects.exclude(global_id="").order_by("id")
    return list(entries.values_list("global_id", "effect"))


def agrees() -> bool:
    """Whether the audit finds no difference."""
    return list(differences()) == []


def tickets_too_many(group: TicketGroup) -> int:
    """How many more tickets are claimed or free than there are."""
    group.refresh_from_db()
    claimed = sum(Hold.objects.live().filter(group=group).values_list("quantity", flat=True))
    return max(claimed, group.sold) + max(group.free, 0) - group.quantity
