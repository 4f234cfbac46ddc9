"""Checking a broker's book against the inventory: the whole file, before anything is changed."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from django.db import models, transaction
from django.utils import timezone

from holds.claims import clock
from holds.imports import comparing, turns
from holds.imports.staging import Progress, stage
from inventory.book import Book, BookError, open_book
from inventory.imports import Import, ImportRow, ImportState, Quantities, Verdict
from inventory.models import Broker, TicketGroup

# How far ahead of the database's clock the one of another machine may be, and how long ago a file
# can have been written: an older date is a slip.
_SKEW = timedelta(minutes=1)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# How many growing groups are named where somebody has to say yes to them.
_NAMED = 10


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
    as_of: datetime | None = None,
    modified: datetime | None = None,
    confirmed: bool = False,
    may_wait: bool = True,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> Import:
    """Read a file and find what it would change; the inventory stays as it is.

    `snapshot` means that what is not in the file has vanished. `strict` refuses the file for one
    bad row. `as_of` is the moment at which the inventory was as the file says, and `modified` the
    one at which the file was last written; see `_moment` for what counts without them.

    The import waits for a yes, unless `confirmed`, where a snapshot is empty or has fewer than half
    of what is listed, and where tickets of existing groups would become free that are not free
    now. It is refused where it must not wait, since there is nobody to say it. Two things are no
    growth: a group that is new to the inventory is a new listing, and so is one that had vanished
    and is listed again, as far as it has no more tickets than before.

    `progress` is called with a stage, how much of it is done, and of how much (0: not known). An
    older import of the broker that is not done ends here as superseded, unless this one is refused
    or a `dry_run`, which the caller drops.

    Returns the import. What is wrong with the file raises nothing: the import is refused then, with
    the reason. Raises BookBusy where another file of the broker is being checked, and what the
    database raises; then there is no import, and nothing has changed.
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
            turns.bound_waits()
            read = _Read(stream)
            rows = open_book(read, format=format)
            _describe(book, rows)
            book.started_at = clock()  # the database's own, by which claims are dated
            book.save()
            staged = stage(rows, progress)
            book.sha256 = read.sha256.hexdigest()
            book.as_of = _moment(book, as_of or staged.as_of, modified)
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


class _Read:
    """A file that is read once, from which the digest of its bytes is taken on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self._stream = stream

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.sha256.update(block)
        return block


def _moment(book: Import, said: datetime | None, modified: datetime | None) -> datetime:
    """The moment at which the inventory was as a file says.

    That is the one that somebody or the file itself has `said`. Otherwise it is when a file of free
    tickets was last `modified`, or else now; but the same bytes are no younger than when they were
    first read here, so that a file that is read again and again never adds tickets. Raises
    BookError for a moment in the future or too far in the past.
    """
    now = book.started_at
    moment = said
    if moment is None:
        same = Import.objects.filter(broker=book.broker, sha256=book.sha256)
        first = same.aggregate(first=models.Min("as_of"))["first"]
        # Where claimed tickets are in the file's numbers, nothing depends on an odd date of it.
        moment = modified if modified and book.quantities == Quantities.FREE else now
        moment = min(moment, first or moment)
    if moment > now + _SKEW:
        raise BookError(
            f"The file would show the inventory as of {_written(moment)}, which is in the future: "
            f"it is {_written(now)}. Say as of when it is."
        )
    if moment < _EARLIEST:
        raise BookError(
            f"The file would show the inventory as of {_written(moment)}, which cannot be meant. "
            "Say as of when it is."
        )
    return min(moment, now)


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


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
    doubts = () if objection or confirmed else (_doubt(book), growth(book))
    doubt = " ".join(filter(None, doubts))
    if doubt:
        doubt += " Confirm it if that is meant."
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
        f"it would take {book.vanished} off sale."
    )


def growth(book: Import) -> str:
    """Which tickets of existing groups an import would free that are not free when it is checked.

    Returns a sentence with the largest of them and the sum; empty where there are none.
    """
    growing = book.rows.filter(verdict=Verdict.CHANGED, growth__gt=0)
    tickets, groups = growing.aggregate(models.Sum("growth"), models.Count("id")).values()
    if not groups:
        return ""
    first = growing.order_by("-growth", "id").values_list("remote_id", "growth")[:_NAMED]
    named = [f"{number:,} of {remote_id}" for remote_id, number in first]
    if groups > _NAMED:
        named.append(f"others of {groups - _NAMED:,} more ticket groups")
    one = tickets == 1
    return (
        f"{tickets:,} {'ticket' if one else 'tickets'} would become free that "
        f"{'is' if one else 'are'} not free now: {', '.join(named)}."
    )


def same_file(book: Import) -> Import | None:
    """The last import of the same bytes in the same way that was applied before this one."""
    if not book.sha256:
        return None
    facts = {name: getattr(book, name) for name in ("sha256", "format", "snapshot", "quantities")}
    applied = Import.objects.filter(broker=book.broker, state=ImportState.DONE, **facts)
    return applied.filter(id__lt=book.id).first()
