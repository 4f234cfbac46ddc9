"""Exports a broker's book as a file: either the whole inventory, or what is for sale now."""

import datetime as dt
from collections.abc import Generator
from contextlib import closing
from typing import Any

from django.db import connection, transaction
from django.utils.text import slugify

from holds.models import LIVE
from inventory.book import WRITTEN, Row, write_book
from inventory.models import Broker, TicketGroup

# Rows fetched at once.
_AT_ONCE = 1000
# A client that stops reading keeps a snapshot open, and old rows with it, for this long at most.
_LIMITS = (
    "SELECT set_config('idle_in_transaction_session_timeout', '60s', true),"
    " set_config('statement_timeout', '60s', true)"
)
# The fields of a Row in their order, and the position of the seats among them.
_FIELDS = """
    0, g.remote_id, e.name, e.venue, e.date, e.time, {quantity}, g.section, g.row, {seats},
    g.split_rule, g.split_quantities, g.price, g.cost, g.face_value, g.stock_type, g.in_hand_on,
    g.public_notes, g.internal_notes, g.on_sale, (SELECT at FROM moment)
"""
_SEATS = 9
_ALL = _FIELDS.format(quantity="g.quantity", seats="g.seats")
# What holds and sales claim is deducted. Overdue holds count too, because their invoices may still
# come. Seats and counters are of the same moment, because one statement reads both.
_FREE = _FIELDS.format(
    quantity="g.quantity - g.held - g.sold",
    seats="""CASE WHEN c.taken IS NULL THEN g.seats ELSE ARRAY(
        SELECT s.label FROM unnest(g.seats) WITH ORDINALITY s (label, number)
        WHERE NOT c.taken @> (s.number - 1)::integer ORDER BY s.number) END""",
)


class Export:
    """A broker's book as a CSV file of a format.

    Each row has the moment at which it was read, so that an import of the file can tell which
    claims came later. One statement reads all rows, and it reads the database's clock first, as
    soon as it has its snapshot. The moment can be wrong only about a claim that is committed in
    that very instant. An import asks for confirmation before it frees tickets because of such a
    claim.

    Without `available` the file has everything that the broker lists, claimed tickets included.
    With it, the file has what can be bought now: free tickets that are on sale, for events that are
    not past, and nothing that only the broker may know. `today` is the date that decides whether
    tickets are in hand. `groups` and `tickets` count what has been written so far.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        format: str,  # noqa: A002  the field's word
        available: bool,
        today: dt.date,
    ) -> None:
        self.broker = broker
        self.format = format
        self.available = available
        self.today = today
        self.groups = self.tickets = 0

    @property
    def file_name(self) -> str:
        """The name of the file, such as demo-tickets-available-2026-11-23.csv.

        The name has the format as well where that is not the usual one.
        """
        which = "available" if self.available else "all"
        form = "" if self.format == WRITTEN[0] else f"{self.format}-"
        return f"{slugify(self.broker.name) or 'book'}-{which}-{form}{self.today}.csv"

    def __iter__(self) -> Generator[str]:
        """Yield the text of the file in chunks, in a transaction of its own.

        The transaction ends with the iteration, even if the iteration is abandoned.
        """
        with transaction.atomic(durable=True), closing(self._rows()) as rows:
            yield from write_book(
                rows, format=self.format, for_others=self.available, today=self.today
            )

    def _rows(self) -> Generator[Row]:
        statement, parameters = self._statement()
        # A server-side cursor keeps memory flat, and is closed with the transaction.
        with connection.cursor() as limits, connection.chunked_cursor() as cursor:
            limits.execute(_LIMITS)
            cursor.execute(statement, parameters)
            while some := cursor.fetchmany(_AT_ONCE):
                for values in map(list, some):
                    values[_SEATS] = tuple(values[_SEATS])
                    row = Row(*values)
                    self.groups += 1
                    self.tickets += row.quantity
                    yield row

    def _statement(self) -> tuple[str, tuple[Any, ...]]:
        groups = TicketGroup.objects.filter(broker=self.broker, listed=True, quantity__gt=0)
        if self.available:
            groups = groups.for_sale()
        which, parameters = groups.order_by().values("id").query.sql_with_params()
        return (
            f"""
            WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at)
            SELECT {_FREE if self.available else _ALL}
            FROM inventory_ticketgroup g
            JOIN inventory_event e ON e.id = g.event_id
            LEFT JOIN (
                SELECT group_id, range_agg(positions) AS taken FROM holds_hold
                WHERE broker_id = %s AND state = ANY (%s) AND positions IS NOT NULL
                GROUP BY group_id) c ON c.group_id = g.id
            WHERE g.id IN ({which}) AND (SELECT at FROM moment) IS NOT NULL
            ORDER BY e.date, e.time, e.name, e.id, g.section, g.row, g.remote_id
            """,  # noqa: S608  column names and the ORM's own SQL
            (self.broker.id, list(LIVE), *parameters),
        )
