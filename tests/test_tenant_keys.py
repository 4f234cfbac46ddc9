"""Every key of a broker's table contains the broker, and rows are still found by their id alone."""

import pytest
from django.db import connection, models

from inventory.models import TicketGroup
from tests.support.tenant_tables import brokers_tables, column

pytestmark = pytest.mark.django_db

# A foreign key must also compare the broker of one table with that of the other.
KEYS_WITHOUT_BROKER = """
    WITH broker AS (SELECT attrelid, attnum FROM pg_attribute WHERE attname = 'broker_id')
    SELECT conrelid::regclass || ': ' || conname FROM pg_constraint
    LEFT JOIN broker own ON own.attrelid = conrelid
    LEFT JOIN broker other ON other.attrelid = confrelid
    WHERE conrelid::regclass::text = ANY (%(tables)s) AND contype IN ('p', 'u', 'f', 'x')
        AND (array_position(conkey, own.attnum) IS NULL OR contype = 'f'
            AND confrelid <> 'inventory_broker'::regclass AND array_position(confkey, other.attnum)
                IS DISTINCT FROM array_position(conkey, own.attnum))
    UNION SELECT indrelid::regclass || ': ' || indexrelid::regclass FROM pg_index
    LEFT JOIN broker own ON own.attrelid = indrelid
    WHERE indrelid::regclass::text = ANY (%(tables)s) AND indisunique
        AND array_position(indkey::smallint[], own.attnum) IS NULL
    ORDER BY 1
"""
# Only in tables that foreign keys refer to.
NEWER_THAN_THE_PRIMARY_KEY = """
    SELECT DISTINCT rival.indexrelid::regclass::text FROM pg_constraint
    JOIN pg_index mine ON mine.indrelid = confrelid AND mine.indisprimary
    JOIN pg_index rival ON rival.indrelid = confrelid AND rival.indexrelid > mine.indexrelid
    JOIN pg_attribute ON attrelid = confrelid AND attnum = rival.indkey[0]
    WHERE contype = 'f' AND confrelid::regclass::text = ANY (%(tables)s)
        AND attname = 'broker_id' AND rival.indpred IS NULL
"""


def test_every_key_of_a_broker_s_table_contains_the_broker() -> None:
    assert column(KEYS_WITHOUT_BROKER, tables=brokers_tables()) == []


def test_a_key_without_the_broker_would_be_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE seatmap (id bigint PRIMARY KEY);
            CREATE UNIQUE INDEX event_of_everybody ON inventory_event (name) WHERE name <> '';
            ALTER TABLE invoices_void ADD CONSTRAINT void_broker_mixed_up
                FOREIGN KEY (broker_id, invoice_id) REFERENCES invoices_invoice (id, broker_id)
        """)

    assert column(KEYS_WITHOUT_BROKER, tables=brokers_tables()) == [
        "inventory_event: event_of_everybody",
        "invoices_void: void_broker_mixed_up",
        "seatmap: seatmap_pkey",
    ]


def test_no_index_that_begins_with_the_broker_is_newer_than_the_primary_key() -> None:
    """A check of a foreign key could take it for the better one; see inventory's migration."""
    assert column(NEWER_THAN_THE_PRIMARY_KEY, tables=brokers_tables()) == []


@pytest.mark.parametrize(
    "table",
    [
        *("inventory_event", "inventory_ticketgroup", "inventory_ledgerentry", "inventory_import"),
        *("holds_hold", "holds_orderexception", "invoices_invoice", "invoices_void"),
    ],
)
def test_rows_are_found_by_their_id_alone(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    plan = column(f"EXPLAIN (COSTS OFF) SELECT * FROM {table} WHERE id = 1")

    assert plan == [f"Index Scan using {table}_pkey on {table}", "  Index Cond: (id = 1)"]


def test_rows_can_be_grouped_by_what_django_takes_for_the_primary_key(group: TicketGroup) -> None:
    counted = TicketGroup.objects.annotate(entries_there=models.Count("ledger"))

    assert [(one.pk, one.entries_there) for one in counted] == [(group.pk, 1)]
