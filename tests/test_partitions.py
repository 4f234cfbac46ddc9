"""The schema partitioned by broker: calls work as ever, and every key holds there.

PostgreSQL accepts the same keys for a table that is partitioned by hash of a column as systems that
distribute tables by that column over several machines. Before PostgreSQL 17, partitioned tables
cannot have identity columns or exclusion constraints. The tests then run on the tables as they are.
"""

import json
from functools import partial
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from automator.audit import differences
from holds import services as holds
from inventory.models import Broker, Caller
from inventory.models.imports import ImportState
from inventory.violations import violates
from invoices import services as invoices
from invoices.models import Invoice
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import DatabaseClock, counters_agree
from tests.support.importing import Book, line
from tests.support.marketplace import Api
from tests.support.tenant_tables import (
    OLDEST_TO_PARTITION,
    brokers_tables,
    column,
    partition_by_broker,
    rows,
)
from tests.test_constraints import OF_ANOTHER_BROKER, REFUSED, other_broker  # noqa: F401
from tests.test_constraints import rows as a_row_in_every_table  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("partitioned")]

CLERK = Caller("user clerk")
COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %(table)s AND is_generated = 'NEVER'
"""
# What differs in a copy of a row, so that only the primary key forbids the copy.
DIFFERENT: dict[str, dict[str, object]] = {
    "inventory_event": {"name": "other"},
    "inventory_ticketgroup": {"remote_id": "other"},
    "inventory_ledgerentry": {"number": 99},
    "holds_hold": {"global_id": "other"},
    "holds_orderexception": {"global_id": "other", "public_id": "0123456789abcdef"},
    "invoices_invoice": {"hold_id": 0},
    "invoices_void": {"invoice_id": 0},
}


@pytest.fixture(scope="module")
def whole(django_db_setup: None, made_once: None) -> list[str]:
    """The brokers' tables, before they are partitioned."""
    return brokers_tables()


@pytest.fixture(scope="module")
def partitioned(moved_clock: None, whole: list[str]) -> bool:
    """Whether the tables are partitioned by broker, for the tests of this module."""
    [version] = column("SELECT current_setting('server_version_num')::int")
    possible: bool = version >= OLDEST_TO_PARTITION
    if possible:
        partition_by_broker()
    return possible


@pytest.fixture
def brokers(database_clock: DatabaseClock, tmp_path: Path) -> list[Broker]:
    """Two brokers with rows in every table, all by real calls, that are in different partitions."""
    found: list[Broker] = [BrokerFactory(id=number) for number in (1001, 1002)]
    for broker in found:
        trade(broker, database_clock, Book(tmp_path, broker))
    return found


def trade(broker: Broker, clock: DatabaseClock, book: Book) -> None:
    """Make each call of the marketplace, import a book, and void a sale."""
    api, group = Api(broker), TicketGroupFactory(broker=broker)
    statuses = [
        call().status_code
        for call in (
            partial(api.hold, group, 2, "g-1"),
            partial(api.hold, group, 2, "g-1"),
            partial(api.hold, group, 6, "g-2"),
            partial(api.release, "g-1"),
            partial(api.hold, group, 2, "g-2"),
            partial(api.invoice, "o-2", "g-2"),
            partial(api.invoice, "o-2", "g-2"),
            partial(api.release, "g-2"),
            partial(api.hold, group, 2, "g-3"),
            partial(api.invoice, "o-4", "g-4"),
        )
    ]
    assert statuses == [201, 200, 409, 200, 201, 201, 200, 409, 201, 404]
    clock.move(broker.hold_lifetime)
    assert holds.expire(batch=10, caller=Caller("command expire_holds")) == 1
    assert api.invoice("o-3", "g-3").status_code == 201
    assert api.look_up_invoice("o-3").status_code == 200
    sale = Invoice.objects.get(broker=broker, order_id="o-2")
    invoices.void(sale, reason="Buyer left", back_to_stock=False, caller=CLERK)
    first = book.imported(line("n-1"), line("n-2"), snapshot=True, confirm=True)
    assert (first.state, first.new, first.vanished) == (ImportState.DONE, 2, 1)
    grown = book.imported(line("n-1", "1,2,3,4,5", 5), line("n-2", "1"), confirm=True)
    assert (grown.state, grown.changed, grown.refused) == (ImportState.DONE, 1, 1)
    assert book.checked(line("n-3")).state == ImportState.CHECKED


def test_every_call_works_and_the_rows_of_a_broker_stay_together(
    brokers: list[Broker], whole: list[str], *, partitioned: bool
) -> None:
    assert list(differences()) == []
    counters_agree()
    homes = {
        (broker_id, partition.rpartition("_")[2] if partitioned else "")
        for table in whole
        for broker_id, partition in rows(f"SELECT broker_id, tableoid::regclass::text FROM {table}")
    }
    assert len(homes) == 2
    assert len({home for _, home in homes}) == (2 if partitioned else 1)


def test_primary_key_of_each_table_holds(brokers: list[Broker], whole: list[str]) -> None:
    for table in whole:
        columns = ", ".join(column(COLUMNS, table=table))
        error = refused(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ("
            f" SELECT (jsonb_populate_record(old, '{json.dumps(DIFFERENT.get(table, {}))}')).*"
            f" FROM {table} old ORDER BY old.id LIMIT 1) copy"
        )
        assert violates(error, f"{table}_pkey"), table


@pytest.mark.usefixtures("other_broker", "a_row_in_every_table")
def test_every_constraint_holds_and_is_known_by_its_name(subtests: pytest.Subtests) -> None:
    for name, statement in {**REFUSED, **OF_ANOTHER_BROKER}.items():
        with subtests.test(msg=name):
            assert violates(refused(f"{statement}; SET CONSTRAINTS ALL IMMEDIATE"), name)


def refused(statement: str) -> IntegrityError:
    """The error of a statement that PostgreSQL refuses."""
    with (
        pytest.raises(IntegrityError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return caught.value
