"""A broker's long history: rows that real calls wrote once, copied set-wise many times."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice
from tests.support.factories import TicketGroupFactory
from tests.support.marketplace import Api

SECTION = "history"
KEYS = {"id", "group_id", "hold_id"}
WIRE_IDS = {"remote_id", "global_id", "order_id"}
_HOLDS = f"hold_id IN (SELECT id FROM holds_hold WHERE section = '{SECTION}')"
# The tables of a sale in the order of their foreign keys, and which of their rows are history.
TABLES: dict[type[models.Model], str] = {
    TicketGroup: f"section = '{SECTION}'",
    Hold: f"section = '{SECTION}'",
    Invoice: _HOLDS,
    OrderException: _HOLDS,
    LedgerEntry: f"group_id IN (SELECT id FROM inventory_ticketgroup WHERE section = '{SECTION}')",
}


def sales_of_two(broker: Broker, groups: int) -> None:
    """Fill so many groups of ten seats with sales of two.

    The last sale of each group is still a hold. Each group also has a hold that was released and
    then invoiced in vain.
    """
    api = Api(broker)
    group = TicketGroupFactory(
        broker=broker,
        section=SECTION,
        seats=[str(seat) for seat in range(1, 11)],
        internal_notes="Bought from a season ticket holder. " * 20,  # the table is not tiny
    )
    api.hold(group, 2, "gone")
    api.release("gone")
    api.invoice("order", "gone")
    for sale in range(5):
        api.hold(group, 2, f"sale-{sale}")
        if sale < 4:
            api.invoice(f"order-{sale}", f"sale-{sale}")
    with _unguarded() as cursor:
        for model, condition in TABLES.items():
            _copy(cursor, model, condition, groups - 1, new=KEYS | WIRE_IDS | {"public_id"})


def more_of(hold: Hold, number: int) -> None:
    """Repeat a hold that has no positions so many times in its group, under other global ids."""
    with _unguarded() as cursor:
        _copy(cursor, Hold, f"id = {hold.id}", number, new={"id", "global_id"})
    if hold.state in ("held", "invoiced"):
        counter = "held" if hold.state == "held" else "sold"
        more = models.F(counter) + number * hold.quantity
        TicketGroup.objects.filter(id=hold.group_id).update(**{counter: more})


def _copy(
    cursor: CursorWrapper, model: type[models.Model], condition: str, times: int, *, new: set[str]
) -> None:
    """Insert rows again so many times, with other values in the `new` columns each time."""
    table = model._meta.db_table
    columns = [field.column for field in model._meta.concrete_fields]
    values = ", ".join(_other(column) if column in new else column for column in columns)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM {table}, generate_series(1, %s) copy WHERE {condition}",
        (times,),
    )
    cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")


def _other(column: str) -> str:
    if column in KEYS:
        return f"{column} + copy * 1000"
    if column == "public_id":
        return "left(md5(random()::text), 16)"
    return f"CASE {column} WHEN '' THEN '' ELSE {column} || '-' || copy END"


@contextmanager
def _unguarded() -> Iterator[CursorWrapper]:
    """A transaction in which triggers look at nothing, since they would do so row by row."""
    tables = [model._meta.db_table for model in TABLES]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
