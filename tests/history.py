"""A long history of sales, copied set-wise from a few that real calls made."""

from django.db import connection, models, transaction

from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice
from tests.factories import TicketGroupFactory
from tests.marketplace import Api

# The tables that a sale writes, in the order of their foreign keys.
COPIED: tuple[type[models.Model], ...] = (TicketGroup, Hold, Invoice, LedgerEntry, OrderException)
SHIFTED = {"id", "group_id", "hold_id"}
RENAMED = {"remote_id", "global_id", "order_id"}
STRIDE = 1_000  # more than there are originals in any table


def sales_of_two(broker: Broker, groups: int) -> None:
    """Fill so many groups of ten seats with five sales of two, as real calls would have.

    Each group also had a hold that was released, and one invoice that was refused. Every fifth
    sale of the group that is copied is still a hold, which is not overdue.
    """
    api = Api(broker)
    for number, seats in enumerate(([str(seat) for seat in range(1, 11)],) * 4):
        group = TicketGroupFactory(broker=broker, seats=seats)
        api.hold(group, 2, f"gone-{number}")
        api.release(f"gone-{number}")
        for sale in range(5):
            api.hold(group, 2, f"sold-{number}-{sale}")
            if number or sale:
                api.invoice(f"order-{number}-{sale}", f"sold-{number}-{sale}")
        assert api.invoice(f"order-{number}", f"gone-{number}").status_code == 409
    copy(groups // 4 - 1)


def sales_of_one(group: TicketGroup, sales: int) -> None:
    """Sell so many single tickets of a general-admission group, as real calls would have."""


def copy(times: int) -> None:
    """Copy every row that a sale writes so many times, under ids of their own."""
    with transaction.atomic(), connection.cursor() as cursor:
        for model in COPIED:
            table = model._meta.db_table
            columns = [field.column for field in model._meta.concrete_fields]
            values = ", ".join(map(_copied, columns))
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)})"
                f" SELECT {values} FROM {table}, generate_series(1, %s) copy",
                (times,),
            )
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM {table}", (table,)
            )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model in COPIED:
            cursor.execute(f"ALTER TABLE {model._meta.db_table} ENABLE TRIGGER USER")


def _copied(column: str) -> str:
    if column in SHIFTED:
        return f"{column} + copy * {STRIDE}"
    if column in RENAMED:  # the ledger has entries without a global id
        return f"CASE WHEN {column} <> '' THEN {column} || '-' || copy ELSE {column} END"
    return column
