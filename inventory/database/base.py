"""The database backend, in which no wait for PostgreSQL exceeds the deadline of the current work.

libpq has no limit on how long it waits for an answer. A server that is stopped, a network that
swallows packets, or a COMMIT that waits for a missing standby would hold a request for ever.
"""

from collections.abc import Generator, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.features import DatabaseFeatures
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from psycopg.pq import TransactionStatus

from inventory import deadlines
from inventory.database import trips
from inventory.database.trips import Bound, Rows, Statement

BEGIN = Statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")

# How long a migration waits for a lock. All calls that need the table wait behind it.
MIGRATION_LOCK_TIMEOUT = "1s"

T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """A connection that is closed if the deadline passes while it waits.

    No cancel request is sent, because a COMMIT that waits for a standby and is cancelled succeeds
    without the standby. PostgreSQL rolls the transaction back when it finds the connection closed.

    `queued` has statements of the open transaction whose results nobody needs. They are sent before
    any other statement and before COMMIT, and dropped by ROLLBACK. `prepared` is None if this
    connection does not prepare statements.
    """

    queued: list[Bound]
    prepared: trips.Prepared | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queued = []
        self.prepared = trips.Prepared()

    def trip(self, statements: Sequence[Bound]) -> list[Rows]:
        """Send the queued statements and these in one trip, and return the rows of these.

        Where psycopg would begin a transaction before its first statement, the trip begins it. If
        the trip is the first one of its transaction, it is made again where the session turns out
        to lack a prepared statement.

        Raises:
            psycopg.Error: a statement failed, and those after it were not executed.
        """
        with self.lock:
            return self._trip(statements)

    def rollback(self) -> None:
        """Drop the queued statements, and roll the transaction back."""
        self.queued.clear()
        super().rollback()

    def _trip(self, statements: Sequence[Bound]) -> list[Rows]:
        first = self.pgconn.transaction_status == TransactionStatus.IDLE
        begin = [BEGIN()] if first and not self.autocommit else []
        everything = [*begin, *self.queued, *statements]
        self.queued = []
        try:
            rows = self._exchanged(everything)
        except trips.StatementsLost:
            if not first:
                raise
            self.wait(self._rollback_gen())
            rows = self._exchanged(everything)
        return rows[len(everything) - len(statements) :]

    def _exchanged(self, statements: Sequence[Bound]) -> list[Rows]:
        if self.prepared and self.prepared.losses > trips.MOST_LOSSES:
            self.prepared = None
        rows: list[Rows] = self.wait(trips.exchange(self, statements, self.prepared))
        return rows

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        # psycopg applies connect_timeout to each address of each host separately. It resumes this
        # generator ten times a second while it waits.
        connecting = super()._connect_gen(conninfo)
        ready = None
        while True:
            if deadlines.left() == 0:
                raise psycopg.OperationalError("There was no time left to connect to PostgreSQL.")
            try:
                waiting_for = connecting.send(ready)  # type: ignore[arg-type]  # None starts it
            except StopIteration as connected:
                return connected.value
            ready = yield waiting_for

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does, but not beyond the deadline.

        Queued statements are sent first, and nothing is sent once the deadline has passed. Its
        arguments and result are psycopg's, which waits by this method for every statement.

        Raises:
            psycopg.Error: a queued statement failed.
            OperationalError: the deadline has passed, before or during the wait. The connection is
                closed.
        """
        if self.queued:
            self._trip([])
        left = deadlines.left()
        if left is None or (timeout is not None and timeout < left):
            return super().wait(gen, interval, timeout)
        if not left:
            self.close()
            raise psycopg.OperationalError("There was no time left for a statement.")
        try:
            return super().wait(gen, interval, left)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  psycopg has no public name for it
            self.close()
            raise psycopg.OperationalError("PostgreSQL did not answer in time.") from None


class SchemaEditor(DatabaseSchemaEditor):
    """Limits how long a migration waits for a lock, since calls that need the table wait too."""

    def __enter__(self) -> "SchemaEditor":
        super().__enter__()
        if self.atomic_migration and not self.collect_sql:
            self.execute(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'")
        return self


class Features(DatabaseFeatures):
    """Lets Django group rows by all of their columns, and not by `id` alone.

    The primary keys of brokers' tables contain the broker too. PostgreSQL therefore refuses to
    select other columns of rows that are grouped by `id`.
    """

    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL wrapper with the connection and the schema editor of this module."""

    Database = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})
    SchemaEditorClass = SchemaEditor
    features_class = Features

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters for psycopg, without the project's own option."""
        parameters: dict[str, Any] = super().get_connection_params()
        parameters.pop("prepared_statements", None)
        return parameters

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and let the connection prepare statements unless the settings forbid it."""
        session = super().get_new_connection(conn_params)
        if not self.settings_dict["OPTIONS"].get("prepared_statements", True):
            session.prepared = None
        return session

    def trip(self, statements: Sequence[Bound]) -> list[Rows]:
        """Send the queued statements and these in one trip, and return the rows of these.

        Raises:
            django.db.Error: a statement failed, and those after it were not executed.
        """
        self.ensure_connection()
        self.validate_no_broken_transaction()
        self._log(statements)
        with self.wrap_database_errors:
            rows: list[Rows] = self.connection.trip(statements)
        return rows

    def queue(self, statement: Bound) -> None:
        """Let a statement be sent with the next one of the open transaction.

        It is dropped if the transaction is rolled back before.
        """
        self.ensure_connection()
        self.validate_no_broken_transaction()
        self._log([statement])
        self.connection.queued.append(statement)

    def is_usable(self) -> bool:
        """Return whether the connection answers within a second."""
        with deadlines.within(deadlines.HEALTH_CHECK_SECONDS):
            return bool(super().is_usable())

    def _log(self, statements: Sequence[Bound]) -> None:
        if self.queries_logged:  # by tests
            self.queries_log.extend(
                {"sql": one.statement.sql.decode(), "time": "0"} for one in statements
            )

    def _savepoint_rollback(self, sid: str) -> None:
        # Whatever is queued now belongs to the savepoint, since SAVEPOINT sent what was queued.
        if self.connection is not None:
            self.connection.queued.clear()
        super()._savepoint_rollback(sid)  # type: ignore[misc]
