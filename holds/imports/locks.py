"""The locks of imports: one process applies at a time, and no older book overwrites a newer one."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from django.utils import timezone

from inventory.database.trips import Statement
from inventory.models.imports import Import, ImportRow, ImportState
from inventory.transactions import TIME_LIMITS, is_lock_timeout, short_transaction

# Imports that may still change something.
OPEN = (ImportState.CHECKED, ImportState.CONFIRM, ImportState.APPLYING)
_OVERTAKES = (*OPEN, ImportState.DONE)


class ImportInProgress(Exception):
    """Another file of the broker was being checked or applied for longer than the time limit."""

    def __init__(self) -> None:
        super().__init__(
            "Another file of this broker is being checked. Nothing has changed: try again in a "
            "moment."
        )


def bound_waits() -> None:
    """Limit how long a statement of the current transaction waits for a lock, as in a call.

    There is no limit on the time of a statement itself, because a large file takes long to check.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true)", (TIME_LIMITS["lock_timeout"],)
        )


_LOCK = "SELECT state FROM inventory_import WHERE id = %(id)s FOR NO KEY UPDATE"
_WAIT = Statement("lock_import", _LOCK)
_SKIP = Statement("lock_import_unless_busy", f"{_LOCK} SKIP LOCKED")


@contextmanager
def turn(job: Import, *, wait: bool = False) -> Iterator[str | None]:
    """Open a short transaction in which no other process applies, ends or supersedes an import.

    Gives the state of the import. Where another process has locked the import, gives None, or waits
    for the lock with `wait`. What `short_transaction` raises is passed on.
    """
    with short_transaction((_WAIT if wait else _SKIP)(id=job.id)) as [rows]:
        yield rows[0][0] if rows else None


def take_over(job: Import) -> bool:
    """Lock the older imports of the broker, and return whether there is no newer import.

    No batch of an older import is applied until the transaction of the check ends. Only calls and
    staff can then change what the check compares.

    Raises:
        ImportInProgress: another check runs, or an older import is being applied, for longer than
            `bound_waits` allows.
    """
    others = Import.objects.filter(broker=job.broker)
    older = others.filter(id__lt=job.id, state__in=OPEN).order_by("id")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('books of broker ' || %s, 0))",
                (job.broker_id,),
            )
        list(older.select_for_update(no_key=True, of=("self",)).values_list("id"))
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        raise ImportInProgress from error
    return not others.filter(id__gt=job.id, state__in=_OVERTAKES).exists()


def end_older(job: Import) -> None:
    """End the older imports of the broker, whose comparisons are out of date."""
    older = Import.objects.filter(broker=job.broker, id__lt=job.id, state__in=OPEN)
    ended = list(older.values_list("id", flat=True))
    for one in Import.objects.filter(id__in=ended):
        ImportRow.objects.pending(one).delete()
    Import.objects.filter(id__in=ended).update(
        state=ImportState.SUPERSEDED, finished_at=timezone.now()
    )
