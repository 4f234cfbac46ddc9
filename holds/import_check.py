"""Checking a broker's book against the inventory: the whole file, before anything is changed."""

from collections.abc import Callable, Iterator
from datetime import date, time
from itertools import islice
from typing import Any, BinaryIO

from django.db import connection, models, transaction
from django.utils import timezone

from holds.stock import claims_of
from inventory.book import Book, BookError, RefusedRow, Row, open_book
from inventory.event_match import Listed, match
from inventory.imports import Import, ImportRow, ImportState, Quantities, Verdict
from inventory.models import Broker, TicketGroup
from inventory.restock import Claim, Contradiction, restocked
from inventory.seat_text import written

Progress = Callable[[str, int, int], None]

# What a row of a book says of a group. The second part is left alone where the file has no such
# column.
ALWAYS = ("section", "row", "price")
OPTIONAL = (
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)
_STAGED = (
    *("line", "cells", "problems", "remote_id", "event_name", "venue", "date", "time"),
    *("seats", "quantity", *ALWAYS, *OPTIONAL),
)
# How many groups with claims are judged at once.
_JUDGED = 1000


def no_progress(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def check(
    stream: BinaryIO,
    *,
    broker: Broker,
    file_name: str,
    asked_by: str,
    format: str | None = None,  # noqa: A002  the option's name
    snapshot: bool = False,
    strict: bool = False,
    quantities: Quantities = Quantities.ALL,
    confirmed: bool = False,
    progress: Progress = no_progress,
) -> Import:
    """Read a file and find what it would change; the inventory stays as it is.

    `snapshot` means that what is not in the file has vanished; one that is empty, or has fewer
    than half of what is listed, is refused unless `confirmed`. `strict` refuses the file for one
    bad row. `progress` is called with a stage, how much of it is done, and of how much (0: not
    known). Raises nothing for what the file says: the import that is returned is refused then,
    with the reason.
    """
    book = Import(
        broker=broker,
        asked_by=asked_by,
        file_name=file_name[-255:],
        snapshot=snapshot,
        strict=strict,
        quantities=quantities,
        state=ImportState.CHECKED,
    )
    try:
        with transaction.atomic(durable=True):
            rows = open_book(stream, format=format)
            book.format, book.fields = rows.format, sorted(rows.fields)
            book.ignored, book.not_kept = list(rows.ignored), list(rows.not_kept)
            book.save()
            read = _stage(rows, progress)
            progress("comparing", read, read)
            _match_events(book)
            _compare(book)
            _judge_claimed(book)
            _count(book, read)
            book.problem = _objection(book, confirmed=confirmed)
            if book.problem:
                book.state, book.finished_at = ImportState.REFUSED, timezone.now()
                book.rows.exclude(verdict=Verdict.REFUSED).delete()
            book.save()
    except BookError as error:
        book.pk, book.problem = None, str(error)[:2000]
        book.state, book.finished_at = ImportState.REFUSED, timezone.now()
        book.save()
    return book


def _stage(rows: Book, progress: Progress) -> int:
    """Copy the rows of a file into a temporary table; return how many there are."""
    columns = ", ".join(_STAGED)
    read = 0
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.incoming, pg_temp.meant")
        cursor.execute(
            "CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS"  # noqa: S608  column names only
            f" SELECT {columns} FROM inventory_importrow WHERE false"
        )
        with cursor.copy(f"COPY incoming ({columns}) FROM STDIN") as copy:
            for read, row in enumerate(rows, start=1):
                copy.write_row(_staged(row))
                if read % 5000 == 0:
                    progress("reading", read, 0)
        cursor.execute("CREATE INDEX ON incoming (remote_id); ANALYZE incoming")
    return read


def _staged(row: Row | RefusedRow) -> tuple[Any, ...]:
    if isinstance(row, RefusedRow):
        problems = [str(problem) for problem in row.problems]
        nothing: tuple[Any, ...] = ("", "", None, None, [], 0, "", "", 0, "", [], *[None] * 7)
        return (row.line, list(row.cells), problems, row.remote_id or "", *nothing)
    return (
        *(row.line, [], [], row.remote_id, row.event_name, row.venue, row.date, row.time),
        *(list(row.seats), row.quantity, row.section, row.row, row.price, row.split_rule),
        *(list(row.split_quantities), row.cost, row.face_value, row.stock_type, row.in_hand_on),
        *(row.public_notes, row.internal_notes, row.on_sale),
    )


def _match_events(book: Import) -> None:
    """Find the events the file means, and remember those that are new or announced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT event_name, venue, date, time FROM incoming WHERE problems = '{}'"
        )
        meant = match([Listed(*row) for row in cursor.fetchall()], book.broker)
        cursor.execute(
            "CREATE TEMPORARY TABLE meant (name text, venue text, date date, time time,"
            " event_id bigint) ON COMMIT DROP"
        )
        with cursor.copy("COPY meant FROM STDIN") as copy:
            for listed, (event, _) in meant.items():
                # A key that joins fast has no nulls in it.
                day, hour = listed.date or "infinity", listed.time or "24:00"
                copy.write_row((listed.name, listed.venue, day, hour, event.pk))
        cursor.execute("ANALYZE meant")
    book.events = [
        [listed.name, listed.venue, _text(listed.date), _text(listed.time)]
        for listed, (_, unsaved) in meant.items()
        if unsaved
    ]


def _text(value: date | time | None) -> str | None:
    return value.isoformat() if value else None


def _compare(book: Import) -> None:
    """Keep the rows that change something, by one comparison of the whole file."""
    differs = " OR ".join(f"g.{name} IS DISTINCT FROM i.{name}" for name in compared(book))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO inventory_importrow
                (book_id, verdict, applied, group_id, event_id, {", ".join(_STAGED)})
            SELECT %s, CASE WHEN i.problems <> '{{}}' THEN 'refused' WHEN g.id IS NULL THEN 'new'
                       ELSE 'changed' END, false, g.id, m.event_id,
                {", ".join(f"i.{name}" for name in _STAGED)}
            FROM incoming i
            LEFT JOIN inventory_ticketgroup g ON g.broker_id = %s AND g.remote_id = i.remote_id
            LEFT JOIN meant m ON m.name = i.event_name AND m.venue = i.venue
                AND m.date = coalesce(i.date, 'infinity') AND m.time = coalesce(i.time, '24:00')
            WHERE i.problems <> '{{}}' OR g.id IS NULL OR NOT g.listed OR {differs}
                OR g.event_id IS DISTINCT FROM m.event_id
                OR g.seats <> i.seats::varchar[] OR g.quantity <> i.quantity
            ORDER BY i.line
            """,  # noqa: S608  column names only
            (book.id, book.broker_id),
        )
        if book.snapshot:
            cursor.execute(
                """
                INSERT INTO inventory_importrow (book_id, verdict, applied, group_id, line,
                    remote_id, cells, problems, event_name, venue, seats, quantity, section, row,
                    split_rule, split_quantities, price)
                SELECT %s, 'vanished', false, g.id, 0, g.remote_id, '{}', '{}', '', '', '{}', 0,
                    g.section, g.row, '', '{}', g.price
                FROM inventory_ticketgroup g
                WHERE g.broker_id = %s AND g.listed AND NOT EXISTS
                    (SELECT FROM incoming i WHERE i.remote_id = g.remote_id)
                ORDER BY g.id
                """,
                (book.id, book.broker_id),
            )


def _judge_claimed(book: Import) -> None:
    """Settle the rows of groups with claims, one by one: refused, changed, or nothing to do."""
    ids = iter(
        list(
            ImportRow.objects.filter(book=book, verdict=Verdict.CHANGED)
            .filter(
                group_id__in=TicketGroup.objects.filter(broker=book.broker).claimed().values("id")
            )
            .values_list("id", flat=True)
        )
    )
    while some := list(islice(ids, _JUDGED)):
        rows = list(ImportRow.objects.filter(id__in=some))
        groups = TicketGroup.objects.in_bulk([row.group_id for row in rows])
        claims = claims_of(list(groups))
        nothing = []
        for row in rows:
            group = groups[row.group_id]
            try:
                seats, quantity = judged(row, group, claims.get(group.id, []), book)
            except Contradiction as error:
                row.verdict, row.problems = Verdict.REFUSED, [str(error)]
                continue
            same_stock = (seats, quantity) == (group.seats, group.quantity)
            if same_stock and not differences(row, group, book):
                nothing.append(row.id)
        refused = [row for row in rows if row.verdict == Verdict.REFUSED]
        ImportRow.objects.bulk_update(refused, ["verdict", "problems"])
        ImportRow.objects.filter(id__in=nothing).delete()


def judged(
    row: ImportRow, group: TicketGroup, claims: list[Claim], book: Import
) -> tuple[list[str], int]:
    """Seats and quantity of a group with claims once the row is applied.

    Raises Contradiction where the row would move a claim, lose it or tear it apart.
    """
    require_place(row, group, claims)
    return restocked(row.seats, row.quantity, claims=claims, free_only=counts_free(book))


def require_place(row: ImportRow, group: TicketGroup, claims: list[Claim]) -> None:
    """Raise Contradiction where the row would move a claim to another event, section or row."""
    stays = (group.event_id, group.section, group.row) == (row.event_id, row.section, row.row)
    if claims and not stays:
        names = ", ".join(claim.global_id for claim in claims[:3])
        raise Contradiction(
            f"Event, section or row would change under the claim {names}: it is {group.event}, "
            f"section {group.section}, row {group.row}. Release or void it first, or correct "
            "the file."
        )


def counts_free(book: Import) -> bool:
    """Whether a quantity in the file counts only free tickets."""
    return book.quantities == Quantities.FREE


def compared(book: Import) -> list[str]:
    """The fields of a group that the file says something about, beside event and stock."""
    return [*ALWAYS, *(name for name in OPTIONAL if name in book.fields)]


def differences(row: ImportRow, group: TicketGroup, book: Import) -> dict[str, tuple[Any, Any]]:
    """What a row changes, beside seats and quantity: the field, what it is and what it becomes."""
    found = {
        name: (getattr(group, name), getattr(row, name))
        for name in compared(book)
        if getattr(group, name) != getattr(row, name)
    }
    if group.event_id != row.event_id:
        found["event"] = (str(group.event), f"{row.event_name}, {row.venue}")
    if not group.listed:
        found["listed"] = (False, True)
    return found


def preview(book: Import, most: int) -> Iterator[str]:
    """A line for each of the first changes that a checked import would make."""
    changed = list(book.rows.filter(verdict=Verdict.CHANGED)[:most])
    groups = TicketGroup.objects.select_related("event").in_bulk([row.group_id for row in changed])
    for row in changed:
        group = groups[row.group_id]
        found = differences(row, group, book)
        if row.quantity != group.quantity:
            found["quantity"] = (group.quantity, row.quantity)
        if row.seats != group.seats:
            found["seats"] = (written(group.seats), written(row.seats))
        facts = ", ".join(f"{name} {was} → {becomes}" for name, (was, becomes) in found.items())
        yield f"line {row.line}: {row.remote_id}: {facts}"


def _count(book: Import, read: int) -> None:
    counted = dict(
        ImportRow.objects.filter(book=book).values_list("verdict").annotate(models.Count("id"))
    )
    book.new = counted.get(Verdict.NEW, 0)
    book.changed = counted.get(Verdict.CHANGED, 0)
    book.refused = counted.get(Verdict.REFUSED, 0)
    book.vanished = counted.get(Verdict.VANISHED, 0)
    book.unchanged = read - book.new - book.changed - book.refused


def _objection(book: Import, *, confirmed: bool) -> str:
    """Why the file as a whole is not to be applied; empty where nothing speaks against it."""
    if book.strict and book.refused:
        return f"Rows refused: {book.refused}. All or nothing was asked for."
    good = book.rows_read - book.refused
    if not book.snapshot:
        return "" if book.rows_read else "The file has no rows."
    listed = TicketGroup.objects.filter(broker=book.broker, listed=True).count()
    if not confirmed and (good == 0 or 2 * good < listed):
        return (
            f"The file has {good} good rows, and {listed} ticket groups are listed: as a snapshot "
            f"it would take {book.vanished} off sale. Confirm it if that is meant."
        )
    return ""
