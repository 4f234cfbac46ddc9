"""Expires all overdue holds, even where some ticket groups cannot be changed."""

import time
from collections.abc import Iterator

from django.db import DatabaseError

from holds import services
from holds.models import Hold
from inventory.database_errors import first_line
from inventory.deadlines import within
from inventory.models import Caller
from inventory.transactions import is_lock_timeout

TRANSACTION_SECONDS = 30.0  # limit for one transaction
FAILED_SECONDS = 600.0  # how long a group that failed is left out
# A round ends after this many groups whose lock was waited for in vain, each for some seconds.
MOST_IN_VAIN = 5
# The SQLSTATE classes of errors that concern a row: bad data, a constraint, an error raised by
# a trigger, a damaged page. All other errors concern the database as a whole.
_OF_A_ROW = ("22", "23", "P0", "XX")


class Sweep:
    """Expires overdue holds in batches, or one ticket group at a time where a batch fails.

    `failed` has the reasons why groups could not be changed, by the id of the group. These groups
    are left out for ten minutes, so that they do not make every batch fail.
    """

    def __init__(self, *, batch: int, caller: Caller) -> None:
        self.failed: dict[int, str] = {}
        self._batch = batch
        self._caller = caller
        self._failed_at: dict[int, float] = {}

    def round(self) -> Iterator[int]:
        """Expire all overdue holds, and yield the number of expired ones after each transaction.

        Raises:
            DatabaseError, InterfaceError, OutcomeUnknown: the database as a whole cannot be used.
        """
        self._forgive()
        while True:
            try:
                expired = self._expire()
            except DatabaseError as error:
                if not _of_some_group(error):
                    raise
            else:
                if not expired:
                    return
                yield expired
                continue
            known, progress = len(self.failed), 0
            for expired in self._one_by_one():
                progress += expired
                yield expired
            if not progress and len(self.failed) == known:
                return

    def left(self) -> int:
        """Return how many holds are overdue now."""
        with within(TRANSACTION_SECONDS):
            return Hold.objects.overdue().count()

    def _one_by_one(self) -> Iterator[int]:
        in_vain = 0
        overdue = Hold.objects.overdue().exclude(group_id__in=list(self.failed)).order_by()
        with within(TRANSACTION_SECONDS):
            groups = list(overdue.values_list("group_id", flat=True).distinct()[: self._batch])
        for group_id in groups:
            try:
                yield self._expire(only=group_id)
            except DatabaseError as error:
                in_vain += is_lock_timeout(error)
                if not _of_some_group(error) or in_vain >= MOST_IN_VAIN:
                    raise
                self.failed[group_id] = first_line(error)
                self._failed_at[group_id] = time.monotonic()
                yield 0

    def _expire(self, only: int | None = None) -> int:
        with within(TRANSACTION_SECONDS):
            return services.expire(
                batch=self._batch, caller=self._caller, only=only, besides=self.failed
            )

    def _forgive(self) -> None:
        """Remove the groups from `failed` whose failure was long ago."""
        now = time.monotonic()
        for group_id, failed_at in list(self._failed_at.items()):
            if now - failed_at >= FAILED_SECONDS:
                del self.failed[group_id], self._failed_at[group_id]


def _of_some_group(error: DatabaseError) -> bool:
    """Return whether an error concerns some ticket group, and not the database as a whole."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state.startswith(_OF_A_ROW) or is_lock_timeout(error)
