"""The lock on a ticket group with which every change of its tickets begins."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models

from inventory.database.trips import Bound, Rows, Statement
from inventory.transactions import short_transaction

if TYPE_CHECKING:
    from inventory.models.ticket_groups import TicketGroup


class Locked(NamedTuple):
    """A ticket group that is locked, or None where there is none, and what was read under the lock.

    `rows` has the rows of each statement that was given as `then`.
    """

    group: "TicketGroup | None"
    rows: list[Rows]


class TicketGroupLocks(models.Manager["TicketGroup"]):
    """Locks ticket groups. No other module does.

    Each method that returns a context manager opens a short transaction and takes the lock in its
    first statement. That statement sees the database as it was before it waited for the lock, so
    only the group's own columns may be used from it. Holds and the clock are read by the statements
    in `then`, which are sent with it and executed after it. The context managers raise what
    `short_transaction` raises.
    """

    def locked_by_id(
        self, group_id: int, *, broker_id: int | None = None, then: Iterable[Bound] = ()
    ) -> AbstractContextManager[Locked]:
        """Lock the ticket group with an id; if a broker is given, only if it is the broker's."""
        condition = "id = %(id)s AND (%(broker_id)s::bigint IS NULL OR broker_id = %(broker_id)s)"
        lock = self._locking("lock_group_by_id", condition)
        return self._locked(lock(id=group_id, broker_id=broker_id), then)

    def locked_by_remote_id(
        self, *, broker_id: int, remote_id: str, then: Iterable[Bound] = ()
    ) -> AbstractContextManager[Locked]:
        """Lock the ticket group that a broker lists under a remote id."""
        condition = "broker_id = %(broker_id)s AND remote_id = %(remote_id)s"
        lock = self._locking("lock_group_by_remote_id", condition)
        return self._locked(lock(broker_id=broker_id, remote_id=remote_id), then)

    def locked_by_query(
        self, query: Bound, *, then: Iterable[Bound] = ()
    ) -> AbstractContextManager[Locked]:
        """Lock the ticket group whose id a query selects.

        The query returns at most one id and depends only on facts that never change. It lets
        another app lock a group by its own tables.
        """
        lock = self._locking(f"lock_{query.statement.name}", f"id = ({query.statement.text})")
        return self._locked(Bound(lock, query.values), then)

    @contextmanager
    def locked_unless_busy(self, query: Bound, *, limit: int) -> "Iterator[list[TicketGroup]]":
        """Lock up to `limit` groups whose ids a query selects, and skip those locked already.

        The context manager gives the locked groups.
        """
        condition = f"id = ANY (ARRAY({query.statement.text}))"
        rest = " SKIP LOCKED LIMIT %(limit)s"
        lock = self._locking(f"lock_{query.statement.name}", condition, rest)
        with short_transaction(Bound(lock, [*query.values, limit])) as [rows]:
            yield [self._from_row(row) for row in rows]

    def lock(self, group_id: int) -> "TicketGroup":
        """Lock a group until the open transaction ends, and return it as read under the lock.

        Raises:
            TicketGroup.DoesNotExist: there is no group with that id.
            OperationalError: another transaction kept the group locked for too long.
        """
        return self.select_for_update(no_key=True).get(id=group_id)

    def lock_unless_busy(self, group_ids: Iterable[int]) -> set[int]:
        """Lock groups in the open transaction, and return the ids of those that could be locked.

        Groups that another transaction has locked are skipped.
        """
        free = self.filter(id__in=list(group_ids)).order_by("id")
        locked = free.select_for_update(no_key=True, skip_locked=True)
        return set(locked.values_list("id", flat=True))

    @contextmanager
    def _locked(self, lock: Bound, then: Iterable[Bound]) -> Iterator[Locked]:
        with short_transaction(lock, *then) as [rows, *others]:
            yield Locked(self._from_row(rows[0]) if rows else None, others)

    @cache  # noqa: B019  there is one manager for each model
    def _locking(self, name: str, condition: str, rest: str = "") -> Statement:
        # NO KEY lets other transactions insert rows that refer to the group.
        columns = ", ".join(field.column for field in self.model._meta.concrete_fields)
        return Statement(
            name,
            f"SELECT {columns} FROM inventory_ticketgroup"  # noqa: S608  no outside text in it
            f" WHERE {condition} FOR NO KEY UPDATE{rest}",
        )

    def _from_row(self, row: tuple[Any, ...]) -> "TicketGroup":
        fields = [field.attname for field in self.model._meta.concrete_fields]
        return self.model.from_db("default", fields, row)
