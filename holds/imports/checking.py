"""Checking a broker's book against the inventory: the whole file, before anything is changed."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from django.db import models, transaction
from django.utils import timezone

from holds.claims import clock
from holds.imports import comparing, locks
from holds.imports.staging import Progress, stage
from inventory.book import Book, BookError, open_book
from inventory.models import Broker, TicketGroup
from inventory.models.imports import Import, ImportRow, ImportState, Quantities, Verdict

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
    job = Import(
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
            locks.bound_waits()
            read = _Read(stream)
            rows = open_book(read, format=format)
            _describe(job, rows)
            job.started_at = clock()  # the database's own, by which claims are dated
            job.save()
            staged = stage(rows, progress)
            job.sha256 = read.sha256.hexdigest()
            job.as_of = _moment(job, as_of or staged.as_of, modified)
            progress("comparing", staged.read, staged.read)
            if locks.take_over(job):
                if staged.refused:
                    comparing.keep_refused(job)
                comparing.match_events(job, staged.events)
                comparing.compare(job)
                if snapshot:
                    comparing.find_vanished(job)
                comparing.judge_claimed(job)
                _count(job, staged.read)
                _decide(job, confirmed=confirmed, may_wait=may_wait)
                if job.state != ImportState.REFUSED and not dry_run:
                    locks.end_older(job)
            else:
                job.state, job.finished_at = ImportState.SUPERSEDED, timezone.now()
            job.save()
    except BookError as error:
        job.pk, job.problem = None, str(error)[:2000]
        job.state, job.finished_at = ImportState.REFUSED, timezone.now()
        job.save()
    return job


class _Read:
    """A file that is read once, from which the digest of its bytes is taken on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self._stream = stream

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.sha256.update(block)
        return block


def _moment(job: Import, said: datetime | None, modified: datetime | None) -> datetime:
    """The moment at which the inventory was as a file says.

    That is the one that somebody or the file itself has `said`. Otherwise it is when a file of free
    tickets was last `modified`, or else now; but the same bytes are no younger than when they were
    first read here, so that a file that is read again and again never adds tickets. Raises
    BookError for a moment in the future or too far in the past.
    """
    now = job.started_at
    moment = said
    if moment is None:
        same = Import.objects.filter(broker=job.broker, sha256=job.sha256)
        first = same.aggregate(first=models.Min("as_of"))["first"]
        # Where claimed tickets are in the file's numbers, nothing depends on an odd date of it.
        moment = modified if modified and job.quantities == Quantities.FREE else now
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


def _describe(job: Import, rows: Book) -> None:
    job.format, job.fields = rows.format, sorted(rows.fields)
    job.headers = [header[:300] for header in rows.headers]
    job.ignored = [header[:300] for header in rows.ignored]
    job.not_kept = [header[:300] for header in rows.not_kept]


def _count(job: Import, read: int) -> None:
    counted = dict(
        ImportRow.objects.filter(job=job).values_list("verdict").annotate(models.Count("id"))
    )
    job.new = counted.get(Verdict.NEW, 0)
    job.changed = counted.get(Verdict.CHANGED, 0)
    job.refused = counted.get(Verdict.REFUSED, 0)
    job.vanished = counted.get(Verdict.VANISHED, 0)
    job.unchanged = read - job.new - job.changed - job.refused


def _decide(job: Import, *, confirmed: bool, may_wait: bool) -> None:
    """Refuse a book as a whole, or let it wait for a yes, where something speaks against it."""
    objection = _objection(job)
    doubts = () if objection or confirmed else (_doubt(job), growth(job))
    doubt = " ".join(filter(None, doubts))
    if doubt:
        doubt += " Confirm it if that is meant."
    job.problem = objection or doubt
    if objection or (doubt and not may_wait):
        job.state, job.finished_at = ImportState.REFUSED, timezone.now()
        ImportRow.objects.pending(job).delete()
    elif doubt:
        job.state = ImportState.CONFIRM


def _objection(job: Import) -> str:
    """Why the file as a whole is not to be applied; empty where nothing speaks against it."""
    if job.strict and job.refused:
        return f"Rows refused: {job.refused}. All or nothing was asked for."
    return "" if job.snapshot or job.rows_read else "The file has no rows."


def _doubt(job: Import) -> str:
    """Why somebody must say yes to a snapshot first; empty where it looks like a whole book."""
    if not job.snapshot:
        return ""
    good = job.rows_read - job.refused
    expected = TicketGroup.objects.filter(comparing.can_vanish(job), broker=job.broker)
    listed = expected.count()
    if good and 2 * good >= listed:
        return ""
    kind = "for sale" if job.quantities == Quantities.FREE else "listed"
    return (
        f"The file has {good} good rows, and {listed} ticket groups are {kind}: as a snapshot "
        f"it would take {job.vanished} off sale."
    )


def growth(job: Import) -> str:
    """Which tickets of existing groups an import would free that are not free when it is checked.

    Returns a sentence with the largest of them and the sum; empty where there are none.
    """
    growing = job.rows.filter(verdict=Verdict.CHANGED, growth__gt=0)
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


def same_file(job: Import) -> Import | None:
    """The last import of the same bytes in the same way that was applied before this one."""
    if not job.sha256:
        return None
    facts = {name: getattr(job, name) for name in ("sha256", "format", "snapshot", "quantities")}
    applied = Import.objects.filter(broker=job.broker, state=ImportState.DONE, **facts)
    return applied.filter(id__lt=job.id).first()
