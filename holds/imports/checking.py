"""Checks a broker's book against the inventory. The whole file is read before anything changes."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from django.db import models, transaction
from django.utils import timezone

from holds.imports import comparing, locks
from holds.imports.staging import Progress, stage
from holds.locked_reads import clock
from inventory.book import Book, BookError, open_book
from inventory.models import Broker, TicketGroup
from inventory.models.imports import Import, ImportRow, ImportState, Quantities, Verdict

# How far the clock of another machine may be ahead of the database's clock, and the earliest moment
# that a file can have. An older date is a typing error.
_SKEW = timedelta(minutes=1)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# The number of growing groups that are named where somebody has to confirm them.
_NAMED = 10


def no_progress(stage: str, done: int, total: int) -> None:
    """Ignore the progress."""


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
    """Read a file and find what it would change. The inventory itself stays as it is.

    `snapshot` means that ticket groups that are not in the file have vanished. `strict` refuses the
    whole file for one bad row. `as_of` is the moment at which the inventory was as the file says,
    and `modified` is the time at which the file was last written. See `_moment` for the rule
    without them.

    Unless it is `confirmed`, the import waits for confirmation in two cases: if a snapshot is empty
    or has fewer than half of the listed groups, and if tickets of existing groups would become free
    that are not free now. Where the import may not wait, because there is nobody to confirm it, it
    is refused instead. A group that is new to the inventory does not count as growth. Neither does
    a group that had vanished and is listed again with no more tickets than before.

    `progress` is called with the name of a stage, how much of it is done, and how much there is (0
    where that is not known). Older imports of the broker that have not ended become superseded,
    unless this import is refused or is a `dry_run`, which the caller must drop.

    Returns the import. A file that cannot be used raises nothing: the import is then refused, and
    has the reason. Errors of the database are passed on; then there is no import.

    Raises:
        ImportInProgress: another file of the broker is being checked. Nothing has changed.
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
            job.started_at = clock()  # by the database's clock, as claims are
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
    """A file that is read once, and computes the digest of its bytes while it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self._stream = stream

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.sha256.update(block)
        return block


def _moment(job: Import, said: datetime | None, modified: datetime | None) -> datetime:
    """Return the moment at which the inventory was as a file says.

    This is the moment that somebody or the file itself has `said`. Without one, it is the time at
    which a file of free tickets was last `modified`, or otherwise now. A file with the same bytes
    as an earlier one has no later moment than that one, so that a file that is read again and again
    never adds tickets.

    Raises:
        BookError: the moment is in the future or too far in the past.
    """
    now = job.started_at
    moment = said
    if moment is None:
        same = Import.objects.filter(broker=job.broker, sha256=job.sha256)
        first = same.aggregate(first=models.Min("as_of"))["first"]
        # The moment does not matter where the file's numbers include claimed tickets.
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
    """Refuse an import as a whole, or let it wait for confirmation, where there is a reason to."""
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
    """Return why the file as a whole must be refused, or an empty text."""
    if job.strict and job.refused:
        return f"Rows refused: {job.refused}. All or nothing was asked for."
    return "" if job.snapshot or job.rows_read else "The file has no rows."


def _doubt(job: Import) -> str:
    """Return why somebody must confirm a snapshot, or an empty text where it seems complete."""
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
    """Return a sentence about the tickets that an import would free and that are not free now.

    It has the number of these tickets in existing groups and names the groups with the most of
    them. It is empty where there are none.
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
    """Return the last import that applied the same file in the same way before, or None."""
    if not job.sha256:
        return None
    facts = {name: getattr(job, name) for name in ("sha256", "format", "snapshot", "quantities")}
    applied = Import.objects.filter(broker=job.broker, state=ImportState.DONE, **facts)
    return applied.filter(id__lt=job.id).first()
