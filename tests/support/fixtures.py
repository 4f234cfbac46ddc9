"""What tests share: a broker, a marketplace that calls, a clock that can be moved."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Model
from django.test import TransactionTestCase, override_settings
from pytest_django import DjangoDbBlocker

from automator.models import ApiKey
from holds import services as holds
from holds.models import Hold, OrderException
from inventory.models import Broker, Caller, Effect, LedgerEntry, TicketGroup
from inventory.models.ledger import CHANGES
from invoices import services as invoices
from invoices.models import Invoice, Void
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.marketplace import Api

KEPT: tuple[type[Model], ...] = (TicketGroup, Hold, Invoice, Void, LedgerEntry, OrderException)

Unchanged = Callable[..., AbstractContextManager[None]]
BringTo = Callable[..., TicketGroup]


class QuickHasher(PBKDF2PasswordHasher):
    """Hashes a password as in production, but without the iterations, which take half a second."""

    iterations = 1


@pytest.fixture(scope="session", autouse=True)
def settings_are_quick() -> Iterator[None]:
    """Hash quickly, and look for a static file when it is asked for, not for each test client."""
    hashers = [f"{__name__}.{QuickHasher.__name__}"]
    with override_settings(WHITENOISE_AUTOREFRESH=True, PASSWORD_HASHERS=hashers):
        yield


# The tables that PostgreSQL refuses to truncate.
FACTS = ("inventory_ledgerentry", "holds_hold", "invoices_invoice", "invoices_void")


@pytest.fixture(scope="session", autouse=True)
def facts_can_be_cleared_between_tests() -> Iterator[None]:
    """Let Django's own clean-up truncate the facts, with those triggers off in its transaction.

    While a test runs they are on.
    """
    truncate = connection.ops.sql_flush

    def sql_flush(*args: Any, **kwargs: Any) -> list[str]:
        switch = "ALTER TABLE {0} {1} TRIGGER {0}_not_truncated"
        return [
            *(switch.format(table, "DISABLE") for table in FACTS),
            *truncate(*args, **kwargs),
            *(switch.format(table, "ENABLE") for table in FACTS),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.ops, "sql_flush", sql_flush)
        yield


# Tables that migrations fill, and no test writes.
FILLED = ("django_migrations", "django_content_type", "auth_permission")
EMPTY = f"""
    SET LOCAL session_replication_role = replica;  -- with no trigger and no foreign key
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> ALL ('{{{",".join(FILLED)}}}')
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
    END $$
"""


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_by_delete() -> Iterator[None]:
    """After a test with transaction=True, in place of Django's flush.

    Django truncates every table, which makes PostgreSQL create each of them and each index anew,
    and then asks whether every content type and permission is there. It still does so where the
    tests' role is no superuser, and may not switch triggers off.
    """
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def empty(case: TransactionTestCase) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW is_superuser")
            if cursor.fetchone() == ("on",):
                cursor.execute(EMPTY)
                return
        flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(scope="module")
def made_once(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A transaction around the tests of a module that are no transaction=True.

    Rows that a fixture of the module makes in it are there for each test, and what a test does to
    them is rolled back after it, as ever.
    """
    around: Any = transaction.atomic()
    around._from_testcase = True  # or the transaction of a service would be refused as nested
    with django_db_blocker.unblock(), around:
        yield
        transaction.set_rollback(True)


@pytest.fixture
def broker(db: None) -> Broker:
    return BrokerFactory()


@pytest.fixture
def group(broker: Broker) -> TicketGroup:
    return TicketGroupFactory(broker=broker)


@pytest.fixture
def general(broker: Broker) -> TicketGroup:
    """Ten tickets without seat numbers."""
    return TicketGroupFactory(broker=broker, remote_id="ga", seats=[], quantity=10)


@pytest.fixture
def key(broker: Broker) -> str:
    """A whole API key of `broker`."""
    return ApiKey.objects.issue(broker)[1]


@pytest.fixture
def api(broker: Broker) -> Iterator[Api]:
    """The marketplace, with a key of `broker`. Afterwards the counters must agree."""
    yield Api(broker)
    counters_agree()


def counters_agree() -> None:
    """Assert that counters, claims and the replayed ledger of every ticket group agree."""
    # Three queries for any number of groups: this runs after every test that makes a call.
    claimed: Counter[tuple[int | None, str]] = Counter()
    for hold in Hold.objects.live():
        claimed[hold.group_id, hold.state] += hold.quantity
    ledger: defaultdict[int, list[LedgerEntry]] = defaultdict(list)
    for entry in LedgerEntry.objects.order_by("number"):
        ledger[entry.group_id].append(entry)
    for group in TicketGroup.objects.all():
        counters = (group.quantity, group.held, group.sold)
        assert counters[1:] == (claimed[group.id, "held"], claimed[group.id, "invoiced"])
        replayed, entries = (0, 0, 0), ledger[group.id]
        for number, entry in enumerate(entries, start=1):
            changes = CHANGES[Effect(entry.effect)]
            replayed = tuple(  # type: ignore[assignment]
                old + entry.tickets * change for old, change in zip(replayed, changes, strict=True)
            )
            assert (entry.number, replayed) == (number, (entry.quantity, entry.held, entry.sold))
        assert (group.entries, replayed) == (len(entries), counters)


@pytest.fixture
def unchanged(db: None) -> Unchanged:
    """A context that asserts that no row changes; `but=[Model]` leaves models out."""

    def rows(models: list[type[Model]]) -> dict[str, Any]:
        every = "(SELECT json_agg(kept ORDER BY id) FROM {} kept)"  # in one statement, for speed
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT " + ", ".join(every.format(model._meta.db_table) for model in models)
            )
            return dict(zip([model.__name__ for model in models], cursor.fetchone(), strict=True))

    @contextmanager
    def watch(but: Collection[type[Model]] = ()) -> Iterator[None]:
        models = [model for model in KEPT if model not in but]
        before = rows(models)
        yield
        assert rows(models) == before

    return watch


class DatabaseClock:
    """Moves PostgreSQL's clock for connections that look for its functions here first.

    The code under test calls clock_timestamp(), now() and statement_timestamp() without a schema.
    """

    SCHEMA = """
        CREATE SCHEMA IF NOT EXISTS moved_clock;
        CREATE TABLE IF NOT EXISTS moved_clock.moved (stopped timestamptz, by interval NOT NULL);
        DELETE FROM moved_clock.moved;
        INSERT INTO moved_clock.moved VALUES (NULL, '0');
    """
    FUNCTION = """
        CREATE OR REPLACE FUNCTION moved_clock.{name}() RETURNS timestamptz LANGUAGE sql {kind}
        AS 'SELECT coalesce(stopped, pg_catalog.{name}()) + by FROM moved_clock.moved'
    """
    FUNCTIONS = {"clock_timestamp": "VOLATILE", "statement_timestamp": "STABLE", "now": "STABLE"}

    @classmethod
    def install(cls) -> None:
        """Put the functions into the database, once a run."""
        with connection.cursor() as cursor:
            cursor.execute(cls.SCHEMA)
            for name, kind in cls.FUNCTIONS.items():
                cursor.execute(cls.FUNCTION.format(name=name, kind=kind))

    def apply(self, connection: BaseDatabaseWrapper, **of_signal: Any) -> None:
        """Let a connection, of this thread or another, read the moved clock."""
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO moved_clock, public, pg_catalog")

    def move(self, seconds: float) -> None:
        """Move the clock on from where it stands, or back where negative."""
        self._execute("UPDATE moved_clock.moved SET by = by + make_interval(secs => %s)", seconds)

    def stop(self, now: datetime) -> None:
        """Let it be `now` until the clock is moved or stopped again."""
        self._execute("UPDATE moved_clock.moved SET stopped = %s, by = '0'", now)

    def restore(self) -> None:
        """Let it be as late as it is again, on the connection of this thread."""
        self._execute("UPDATE moved_clock.moved SET stopped = NULL, by = '0'")
        self._execute("RESET search_path")

    def _execute(self, statement: str, *parameters: float | datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)


@pytest.fixture(scope="session")
def moved_clock(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        DatabaseClock.install()


@pytest.fixture
def database_clock(moved_clock: None, db: None) -> Iterator[DatabaseClock]:
    """PostgreSQL's clock, movable, for every connection that is open here or opened meanwhile.

    Other threads see a move in a test with transaction=True, where it is committed.
    """
    clock = DatabaseClock()
    clock.apply(connection)
    connection_created.connect(clock.apply)
    yield clock
    connection_created.disconnect(clock.apply)
    clock.restore()


STEPS = {
    "unknown": [],
    "held": ["hold"],
    "overdue": ["hold", "wait"],
    "expired": ["hold", "wait", "expire"],
    "released": ["hold", "release"],
    "released late": ["hold", "wait", "expire", "release"],
    "tombstone": ["release"],
    "invoiced": ["hold", "invoice"],
    "invoiced late": ["hold", "wait", "expire", "invoice"],
    "voided": ["hold", "invoice", "void"],
}


@pytest.fixture
def bring_to(api: Api, group: TicketGroup, database_clock: DatabaseClock) -> BringTo:
    """Brings a global id into a state by real calls: two tickets of `group`, order id o-1."""

    def bring(state: str, global_id: str = "g-1") -> TicketGroup:
        steps: dict[str, Callable[[], object]] = {
            "hold": lambda: api.hold(group, 2, global_id),
            "wait": lambda: database_clock.move(api.broker.hold_lifetime),
            "expire": lambda: holds.expire(batch=100, caller=Caller("command expire_holds")),
            "release": lambda: api.release(global_id),
            "invoice": lambda: api.invoice("o-1", global_id),
            "void": lambda: invoices.void(
                Invoice.objects.get(hold__global_id=global_id),
                reason="Buyer changed their mind",
                caller=Caller("user staff"),
            ),
        }
        for step in STEPS[state]:
            steps[step]()
        return group

    return bring
