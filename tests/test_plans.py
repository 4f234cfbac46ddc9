"""What each call reads when tables are large: few blocks by indexes, whatever plan is cached.

PostgreSQL counts the sequential scans of each table and the blocks that were touched.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.core.management.color import no_style
from django.db import connection, models

from holds import services as holds
from holds.models import Hold
from inventory import transactions
from inventory.models import Broker, Caller, Event, TicketGroup
from invoices import services as invoices
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import DatabaseClock
from tests.support.history import TABLES, more_of, sales_of_two
from tests.support.marketplace import Api
from tests.support.rivals import agrees

pytestmark = pytest.mark.django_db(transaction=True)

GROUPS = 1_500  # of history: 9,000 holds on some 250 blocks
MOST = 160  # blocks of all tables and indexes that a call may touch
ROUNDS = 4  # of 4 holds or more; a generic plan is possible from the sixth execution on
SWEEP = Caller("command expire_holds")
NAMES = [model._meta.db_table for model in TABLES]
EVENT = Event._meta.db_table  # a table with one row in most of these tests
COUNTS = """
    SELECT relname, seq_scan, heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read,
        n_tup_upd, n_tup_hot_upd
    FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname)
    WHERE relname = ANY (%s)
"""


class Touched(NamedTuple):
    """What was done to one table."""

    scans: int
    blocks: int
    updates: int
    hot_updates: int


class Measured:
    """What a block of statements did to the large tables; complete when the block ends."""

    def __init__(self) -> None:
        self.tables: dict[str, Touched] = {}

    @property
    def blocks(self) -> int:
        return sum(table.blocks for table in self.tables.values())

    @property
    def scanned(self) -> list[str]:
        """The tables that were read from end to end."""
        return [name for name, table in self.tables.items() if table.scans]


@contextmanager
def measured(names: Sequence[str] = NAMES) -> Iterator[Measured]:
    """Measure what the session does meanwhile to the tables with these names."""
    found = Measured()
    before = counts(names)
    yield found
    found.tables = {
        name: Touched(*(new - old for new, old in zip(after, before[name], strict=True)))
        for name, after in counts(names).items()
    }


def counts(names: Sequence[str]) -> dict[str, Touched]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(COUNTS, (list(names),))
        return {name: Touched(*numbers) for name, *numbers in cursor.fetchall()}


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(autouse=True)
def no_autovacuum(db: None) -> Iterator[None]:
    """Nobody else touches the tables or their statistics."""
    execute(*(f"ALTER TABLE {name} SET (autovacuum_enabled = off)" for name in NAMES))
    yield
    execute(*(f"ALTER TABLE {name} RESET (autovacuum_enabled)" for name in NAMES))


@contextmanager
def new_session(monkeypatch: pytest.MonkeyPatch, *, generic: bool) -> Iterator[None]:
    """A session with no cached plans, in which PostgreSQL plans as usual or `generic` throughout.

    For the latter the statements that calls do not prepare are sent with their parameters apart
    from their text too. One that is sent together with its limits cannot be, so it goes without.
    """
    connection.close()
    with monkeypatch.context() as patch:
        if generic:
            options = {**connection.settings_dict["OPTIONS"], "server_side_binding": True}
            patch.setitem(connection.settings_dict, "OPTIONS", options)
            patch.setattr(transactions, "_preceded_by", lambda _: nullcontext())
            execute("SET plan_cache_mode = force_generic_plan")
        try:
            yield
            assert connection.connection.prepared.losses == 0
        finally:
            connection.close()


Step = tuple[str, Callable[[], Any], int]


def every_call(api: Api, clock: DatabaseClock, tag: str) -> Iterator[Step]:
    """Each call with each way it can end, by name, on a new group of ten seats.

    Gives the call and what it answers: a status, or how many holds a sweep expires.
    """
    group = TicketGroupFactory(broker=api.broker, seats=[str(seat) for seat in range(1, 11)])

    def hold(name: str, quantity: int = 2) -> Any:
        return api.hold(group, quantity, f"{tag}-{name}")

    def release(name: str) -> Any:
        return api.release(f"{tag}-{name}")

    def invoice(order: str, name: str) -> Any:
        return api.invoice(f"{tag}-{order}", f"{tag}-{name}")

    sweep = partial(holds.expire, batch=100, caller=SWEEP)
    yield "hold", partial(hold, "a"), 201
    yield "repeated hold", partial(hold, "a"), 200
    yield "refused hold", partial(hold, "b", 9), 409
    yield "look-up of a hold", lambda: api.look_up_hold(f"{tag}-a"), 200
    yield "release", partial(release, "a"), 200
    yield "repeated release", partial(release, "a"), 200
    yield "release of an unknown id", partial(release, "c"), 200
    yield "invoice after release", partial(invoice, "1", "a"), 409
    yield "invoice of an unknown id", partial(invoice, "2", "d"), 404
    yield "second hold", partial(hold, "d"), 201
    yield "invoice that mends an exception", partial(invoice, "2", "d"), 201
    yield "repeated invoice", partial(invoice, "2", "d"), 200
    yield "invoice under a second order id", partial(invoice, "3", "d"), 409
    yield "the same again", partial(invoice, "3", "d"), 409
    yield "release after invoice", partial(release, "d"), 409
    yield "look-up of an invoice", lambda: api.look_up_invoice(f"{tag}-2"), 200
    yield "third hold", partial(hold, "e"), 201
    clock.move(api.broker.hold_lifetime)
    yield "sweep", sweep, 1
    yield "sweep with nothing to do", sweep, 0
    yield "late invoice", partial(invoice, "4", "e"), 201
    yield "hold of all that is left", partial(hold, "f", 6), 201
    clock.move(api.broker.hold_lifetime)
    yield "hold that needs overdue tickets", partial(hold, "g", 6), 201
    yield "last release", partial(release, "g"), 200


def test_no_call_reads_a_table_from_end_to_end(
    broker: Broker, database_clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Broker.objects.update(hold_lifetime=86_400)  # of history: none of it becomes overdue
    sales_of_two(broker, GROUPS)
    assert agrees()
    Broker.objects.update(hold_lifetime=900)
    api = Api(broker)

    for analysed, generic in ((False, True), (True, False), (True, True)):
        if analysed:
            execute("ANALYZE")
        with new_session(monkeypatch, generic=generic), measured() as session:
            for number in range(ROUNDS):
                tag = f"{analysed}-{generic}-{number}"
                for name, call, answer in every_call(api, database_clock, tag):
                    with measured() if number == ROUNDS - 1 else nullcontext() as found:
                        answered = call()
                    where = f"{name}, analysed: {analysed}, generic: {generic}"
                    assert getattr(answered, "status_code", answered) == answer, where
                    if found:
                        assert found.scanned == [], where
                        assert found.blocks <= MOST, (where, found.tables)
        assert session.scanned == [], (analysed, generic)


@pytest.fixture
def new_tables(broker: Broker) -> Broker:
    """A broker in tables that were never analysed, as in a new database."""
    execute(
        *connection.ops.sql_flush(no_style(), [Broker._meta.db_table], allow_cascade=True),
        # Only a superuser can delete statistics. Others have those of earlier tests, if any.
        """
        DO $$ BEGIN
            IF current_setting('is_superuser') = 'on' THEN DELETE FROM pg_statistic
                WHERE starelid IN (SELECT relid FROM pg_stat_user_tables); END IF;
        END $$
        """,
    )
    new: Broker = BrokerFactory()
    return new


def copies(model: type[models.Model], number: int, **texts: str) -> None:
    """Insert so many copies of a row with these texts, each followed by a number.

    Triggers stay on, since to switch them off would discard the plans that sessions have cached.
    """
    columns = [field.column for field in model._meta.concrete_fields if not field.generated]
    values = {name: name for name in columns} | {"id": "-copy"}
    values |= {name: f"'{text}-' || copy" for name, text in texts.items()}
    table = model._meta.db_table
    execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values[c] for c in columns)}"
        f" FROM (SELECT * FROM {table} LIMIT 1) one, generate_series(1, {number}) copy"
    )


def test_calls_find_one_event_of_many_in_tables_that_were_never_analysed(
    new_tables: Broker, database_clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key says that an id alone is unique, so PostgreSQL expects several rows for each."""
    api = Api(new_tables)
    TicketGroupFactory(broker=new_tables)
    copies(Event, 3_000, name="other")
    copies(TicketGroup, 20_000, remote_id="other")
    with new_session(monkeypatch, generic=False):
        for name, call, answer in every_call(api, database_clock, "one"):
            with measured([*NAMES, EVENT]) as found:
                answered = call()
            assert getattr(answered, "status_code", answered) == answer, name
            assert found.scanned == [], name


def test_plans_that_a_session_cached_on_empty_tables_serve_large_ones(new_tables: Broker) -> None:
    """PostgreSQL caches the plans of its checks of foreign keys, as do the triggers."""
    api = Api(new_tables)

    def blocks(tag: str) -> int:
        group = TicketGroupFactory(broker=new_tables)  # the last one in its table, as is its event
        with measured([*NAMES, EVENT]) as found:
            assert api.hold(group, 2, tag).status_code == 201
            assert api.invoice(tag, tag).status_code == 201
        return found.blocks

    api.release("tombstone")
    before = [blocks(f"before-{number}") for number in range(8)]
    copies(Hold, 20_000, global_id="other")
    copies(TicketGroup, 20_000, remote_id="other")
    copies(Event, 20_000, name="other")
    after = [blocks(f"after-{number}") for number in range(8)]

    assert after[-1] <= before[-1] + 25


@pytest.mark.parametrize("seats", [["7", "8", "9"], []], ids=["numbered", "general admission"])
def test_history_of_a_group_costs_its_calls_nothing(
    broker: Broker, seats: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is 20,000 holds that were released, or 20,000 sales where there is room."""
    api = Api(broker)
    sales_of_two(broker, 50)
    group = TicketGroupFactory(broker=broker, seats=seats, quantity=len(seats) or 30_000)
    api.hold(group, 1, "first")
    if seats:
        api.release("first")
    else:
        api.invoice("o-1", "first")

    def calls(tag: str) -> list[int]:
        """The blocks of a hold, a refused hold and a release, the seventh time."""
        blocks: list[int] = []
        for number in range(7):
            name, blocks = f"{tag}-{number}", []
            for call, status in (
                (partial(api.hold, group, 2, name), 201),
                (partial(api.hold, group, 90_000, "none"), 409),
                (partial(api.release, name), 200),
            ):
                with measured() as found:
                    assert call().status_code == status
                blocks.append(found.blocks)
        return blocks

    before = {}
    for generic in (False, True):
        with new_session(monkeypatch, generic=generic):
            before[generic] = calls(f"before-{generic}")
    execute("ANALYZE")
    more_of(Hold.objects.get(global_id="first"), 20_000)
    for stale, generic in ((True, False), (True, True), (False, False), (False, True)):
        if not stale:
            execute("ANALYZE")
        with new_session(monkeypatch, generic=generic):
            after = calls(f"{stale}-{generic}")
        for old, new in zip(before[generic], after, strict=True):
            assert new <= old + 25, (before, after, stale, generic)


def test_refused_hold_reads_neither_overdue_holds_of_others_nor_history_of_its_group(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    api = Api(broker)
    group = TicketGroupFactory(broker=broker)
    api.hold(group, 1, "g-1")
    api.release("g-1")
    sales_of_two(broker, GROUPS)
    more_of(Hold.objects.get(global_id="g-1"), 5_000)
    database_clock.move(broker.hold_lifetime)
    execute("ANALYZE")

    with measured() as found:
        assert api.hold(group, 7, "g-2").status_code == 409

    assert Hold.objects.overdue().count() == GROUPS
    assert found.scanned == []
    assert found.blocks <= 40


@pytest.mark.parametrize("seats", [["7", "8", "9"], []], ids=["numbered", "general admission"])
def test_many_calls_on_one_group_cost_the_same_without_a_vacuum(
    broker: Broker, seats: list[str]
) -> None:
    group = TicketGroupFactory(broker=broker, seats=seats, quantity=len(seats) or 1_000)
    caller = Caller("key tests")

    def hold_and_end(*numbers: int) -> None:
        for number in numbers:
            name = f"g-{number}"
            ids: dict[str, Any] = {"broker_id": broker.id, "global_id": name, "caller": caller}
            holds.place(**ids, remote_id=group.remote_id, quantity=2)
            if seats:
                holds.release(**ids)
            else:
                invoices.invoice(**ids, order_id=name)

    with measured() as all_of_them:
        hold_and_end(*range(200))  # until the indexes have their second level
        with measured() as early:
            hold_and_end(*range(200, 210))
        hold_and_end(*range(210, 300))
        with measured() as late:
            hold_and_end(*range(300, 310))

    counters = all_of_them.tables[TicketGroup._meta.db_table]
    assert counters.updates == counters.hot_updates == 620
    assert late.blocks <= early.blocks * 1.3
