"""Applies a checked import in batches. Each batch is a short transaction."""

import time
from collections.abc import Iterator
from datetime import date
from datetime import time as hour

from django.db import IntegrityError
from django.utils import timezone

from holds.imports.checking import no_progress
from holds.imports.existing_groups import change, unlist
from holds.imports.locks import turn
from holds.imports.new_groups import add_new
from holds.imports.staging import Progress
from inventory.event_match import Listed, announce, could_be, new, says_more
from inventory.models import Caller, Event
from inventory.models.imports import Import, ImportRow, ImportState
from inventory.violations import violates

# Seconds between two tries, and the number of tries, while calls keep all remaining groups locked
# or while a newer book is being checked.
_PAUSE, _TRIES = 0.05, 100
_BEGUN = (ImportState.CHECKED, ImportState.APPLYING)
_GONE = (
    "The database stopped unexpectedly, and the rows that were left to apply are lost: "
    "{applied} of {to_apply} were applied. Upload the file again."
)


def apply(
    job: Import, *, caller: Caller, seconds: float | None = None, progress: Progress = no_progress
) -> Import:
    """Apply what is left of a checked import, for `seconds` at most where they are given.

    The import can be stopped anywhere: its `applied` says how far it has come, and another call
    continues from there. Two calls at the same time share the work. Rows that contradict a claim
    made since the check are refused. An import that has ended or that waits for confirmation stays
    as it is. Returns the import as it is then.

    What `short_transaction` raises is passed on, and the batches applied before stay applied.
    """
    end = None if seconds is None else time.monotonic() + seconds
    tries = 0
    while job.state in _BEGUN and tries < _TRIES:
        before = _settled(job)
        if job.state == ImportState.CHECKED:
            _begin(job)
        for _ in _round(job, caller, end):
            progress("applying", job.applied, job.to_apply)
        if end is not None and time.monotonic() > end:
            break
        if _settled(job) > before:
            tries = 0
        elif not _finished(job):
            tries += 1
            time.sleep(_PAUSE)
    return job


def _settled(job: Import) -> int:
    """Return how many rows have been applied or refused so far, by any process."""
    return job.applied + job.refused


def confirm(job: Import) -> None:
    """Confirm an import that waits for confirmation. Any other import stays as it is."""
    with turn(job, wait=True) as state:
        if state == ImportState.CONFIRM:
            _save(job, state=ImportState.CHECKED, problem="")
    job.refresh_from_db()


def drop(job: Import) -> None:
    """End an import that has not begun, and keep only its refused rows.

    An import that waited for confirmation becomes refused. Any other becomes a dry run.
    """
    with turn(job, wait=True) as state:
        if state == ImportState.CONFIRM:
            _end(job, ImportState.REFUSED)
        elif state == ImportState.CHECKED:
            _end(job, ImportState.DRY_RUN)
    job.refresh_from_db()


def _begin(job: Import) -> None:
    """Write the events that are new or have a date or time now, and start applying."""
    try:
        _open(job)
    except IntegrityError as error:
        if not violates(error, "event_unique"):
            raise
        _open(job)  # the same event was added meanwhile, and is found now
    job.refresh_from_db()


def _open(job: Import) -> None:
    with turn(job) as state:
        if state == ImportState.CHECKED:
            _make_events(job)
            _save(job, state=ImportState.APPLYING)


def _make_events(job: Import) -> None:
    """Write events under the ids that the rows refer to, or use those that exist by now."""
    stored = list(Event.objects.filter(broker=job.broker))
    exact = {Listed(each.name, each.venue, each.date, each.time): each for each in stored}
    known = {each.pk: each for each in stored}
    for name, venue, day, start, number in job.events:
        one = Listed(
            name,
            venue,
            date.fromisoformat(day) if day else None,
            hour.fromisoformat(start) if start else None,
        )
        event = exact.get(one) or known.get(number)
        if event and not could_be(one, event):
            event = None  # its date or name has been changed
        if not event:
            event = new(one, job.broker)
            event.pk = None if number in known else number
            event.save(force_insert=True)
        elif says_more(one, event):
            announce(one, event)
            event.save(update_fields=["date", "time"])
        known[number] = event
        if event.pk != number:
            job.rows.filter(event_id=number, date=one.date, time=one.time).update(event_id=event.pk)


def _round(job: Import, caller: Caller, end: float | None) -> Iterator[None]:
    """Go through all remaining rows once, and yield after each batch."""
    for batch in (add_new, change, unlist):
        after: int | None = 0
        while after is not None and (end is None or time.monotonic() <= end):
            with turn(job) as state:
                going = state == ImportState.APPLYING
                after = batch(job, after, caller) if going else None
            job.refresh_from_db()
            yield


def _finished(job: Import) -> bool:
    """End an import that has no rows left, and return whether the import has ended."""
    with turn(job) as state:
        if state == ImportState.APPLYING and not ImportRow.objects.pending(job).exists():
            job.refresh_from_db()
            if job.applied == job.to_apply:
                _end(job, ImportState.DONE)
            else:
                problem = _GONE.format(applied=job.applied, to_apply=job.to_apply)
                _end(job, ImportState.LOST, problem=problem)
    job.refresh_from_db()
    return job.state not in _BEGUN


def _end(job: Import, state: ImportState, **more: str) -> None:
    ImportRow.objects.pending(job).delete()
    _save(job, state=state, finished_at=timezone.now(), **more)


def _save(job: Import, **facts: object) -> None:
    Import.objects.filter(id=job.id).update(**facts)
