"""Checking a broker's book against the inventory: the whole file, before anything is changed."""

from typing import BinaryIO

from django.db import models, transaction
from django.utils import timezone

from holds.claims import clock
from holds.imports import comparing, turns
from holds.imports.staging import Progress, stage
from inventory.book import Book, BookError, open_book
from inventory.imports import Import, ImportRow, ImportState, Quantities, Verdict
from inventory.models import Broker, TicketGroup


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
    may_wait: bool = True,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> Import:
    """Read a file and find what it would change; the inventory stays as it is.

    `snapshot` means that what is not in the file has vanished; one that is empty, or has fewer
    than half of what is listed, waits for a yes unless `confirmed`; it is refused where it must not
    wait, since there is nobody to say it. `strict` refuses the file for one bad row. `progress` is
    called with a stage, how much of it is done, and of how much (0: not known). An older import of
    the broker that is not done ends here as superseded, unless this one is refused or a `dry_run`,
    which the caller drops. Raises nothing for what the file says: the import that is returned is
    refused then, with the reason.
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
            _describe(book, rows)
            book.started_at = clock()  # the database's own, by which claims are dated
            book.save()
            staged = stage(rows, progress)
            progress("comparing", staged.read, staged.read)
            if turns.take_over(book):
                if staged.refused:
                    comparing.keep_refused(book)
                comparing.match_events(book, staged.events)
                comparing.compare(book)
                if snapshot:
                    comparing.find_vanished(book)
                comparing.judge_claimed(book)
                _count(book, staged.read)
                _decide(book, confirmed=confirmed, may_wait=may_wait)
                if book.state != ImportState.REFUSED and not dry_run:
                    turns.end_older(book)
            else:
                book.state, book.finished_at = ImportState.SUPERSEDED, timezone.now()
            book.save()
    except BookError as error:
        book.pk, book.problem = None, str(error)[:2000]
        book.state, book.finished_at = ImportState.REFUSED, timezone.now()
        book.save()
    return book


def _describe(book: Import, rows: Book) -> None:
    book.format, book.fields = rows.format, sorted(rows.fields)
    book.headers = [header[:300] for header in rows.headers]
    book.ignored = [header[:300] for header in rows.ignored]
    book.not_kept = [header[:300] for header in rows.not_kept]


def _count(book: Import, read: int) -> None:
    counted = dict(
        ImportRow.objects.filter(book=book).values_list("verdict").annotate(models.Count("id"))
    )
    book.new = counted.get(Verdict.NEW, 0)
    book.changed = counted.get(Verdict.CHANGED, 0)
    book.refused = counted.get(Verdict.REFUSED, 0)
    book.vanished = counted.get(Verdict.VANISHED, 0)
    book.unchanged = read - book.new - book.changed - book.refused


def _decide(book: Import, *, confirmed: bool, may_wait: bool) -> None:
    """Refuse a book as a whole, or let it wait for a yes, where something speaks against it."""
    objection = _objection(book)
    doubt = "" if objection or confirmed else _doubt(book)
    book.problem = objection or doubt
    if objection or (doubt and not may_wait):
        book.state, book.finished_at = ImportState.REFUSED, timezone.now()
        ImportRow.objects.pending(book).delete()
    elif doubt:
        book.state = ImportState.CONFIRM


def _objection(book: Import) -> str:
    """Why the file as a whole is not to be applied; empty where nothing speaks against it."""
    if book.strict and book.refused:
        return f"Rows refused: {book.refused}. All or nothing was asked for."
    return "" if book.snapshot or book.rows_read else "The file has no rows."


def _doubt(book: Import) -> str:
    """Why somebody must say yes to a snapshot first; empty where it looks like a whole book."""
    if not book.snapshot:
        return ""
    good = book.rows_read - book.refused
    expected = TicketGroup.objects.filter(comparing.can_vanish(book), broker=book.broker)
    listed = expected.count()
    if good and 2 * good >= listed:
        return ""
    kind = "for sale" if book.quantities == Quantities.FREE else "listed"
    return (
        f"The file has {good} good rows, and {listed} ticket groups are {kind}: as a snapshot "
        f"it would take {book.vanished} off sale. Confirm it if that is meant."
    )
