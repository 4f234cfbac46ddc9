"""Whose turn it is: one applier of an import at a time, and no older book over a newer one."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from django.utils import timezone

from inventory.models.imports import Import, ImportRow, ImportState
from inventory.transactions import TIME_LIMITS, is_lock_timeout, short_transaction

# Imports that may still change something.
OPEN = (ImportState.CHECKED, ImportState.CONFIRM, ImportState.APPLYING)
_OVERTAKES = (*OPEN, ImportState.DONE)


class BookBusy(Exception):
    """Another file of the broker is being checked or applied, and the wait for it was too long."""

    def __init__(self) -> None:
        super().__init__(
            "Another file of this broker is being checked. Nothing has changed: try again in a "
            "moment."
        )


def bound_waits() -> None:
    """Let no statement of the transaction that is open wait longer for a lock than a call would.

    The check of a large file may take its time, so that there is no limit on its statements.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true)", (TIME_LIMITS["lock_timeout"],)
        )


@contextmanager
def turn(job: Import, *, wait: bool = False) -> Iterator[str | None]:
    """A short transaction in which nobody else applies, ends or overtakes an import.

    Gives its state as it is then; None where somebody else is at it, unless `wait`. Raises what
    `short_transaction` raises.
    """
    lock = "SELECT state FROM inventory_import WHERE id = %s FOR NO KEY UPDATE"
    with short_transaction(lock if wait else f"{lock} SKIP LOCKED", (job.id,)) as rows:
        yield rows[0][0] if rows else None


def take_over(job: Import) -> bool:
    """Stop what is older, until the check of `job` ends; say if no newer book came first.

    From here to the end of the check's transaction no batch of an older import is applied: what
    the check compares stays as it is, calls and staff apart. Raises BookBusy where another check
    is at this, or somebody applies an older import, for longer than `bound_waits` allows.
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
        raise BookBusy from error
    return not others.filter(id__gt=job.id, state__in=_OVERTAKES).exists()


def end_older(job: Import) -> None:
    """End the older imports of the broker, whose rows compare with what was."""
    older = Import.objects.filter(broker=job.broker, id__lt=job.id, state__in=OPEN)
    ended = list(older.values_list("id", flat=True))
    for one in Import.objects.filter(id__in=ended):
        ImportRow.objects.pending(one).delete()
    Import.objects.filter(id__in=ended).update(
        state=ImportState.SUPERSEDED, finished_at=timezone.now()
    )
