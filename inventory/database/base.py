"""The database backend: no wait for PostgreSQL outlasts the deadline of the work it is done for.

libpq has no limit on how long it waits for an answer. A server that is stopped, a network that
swallows packets, or a COMMIT that waits for a missing standby would hold a request for ever.
"""

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

from inventory import deadlines

# Seconds for the "SELECT 1" by which Django finds out whether a connection that was kept from an
# earlier request still works. What takes longer is closed, and the request gets a new connection.
HEALTH_CHECK_SECONDS = 1.0
# How long a migration waits for a lock. Every call that needs the table queues behind it.
MIGRATION_LOCK_TIMEOUT = "1s"

T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """A connection that is closed when the deadline passes while it waits.

    No cancel request is sent: cancelling a COMMIT that waits for a standby makes it succeed without
    the standby. PostgreSQL rolls back what was not committed when it finds the connection closed.
    """

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        # psycopg applies connect_timeout to each address of each host anew, and resumes this
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
        """Wait as psycopg does, but no longer than until the deadline.

        Raises OperationalError where the deadline has passed or passes meanwhile; the connection is
        closed then. Nothing is sent once it has passed.
        """
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
    """Lets no migration wait long for a lock, since every call that needs the table waits too."""

    def __enter__(self) -> "SchemaEditor":
        super().__enter__()
        if self.atomic_migration and not self.collect_sql:
            self.execute(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'")
        return self


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with the connections and the schema editor above."""

    Database = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})
    SchemaEditorClass = SchemaEditor

    def is_usable(self) -> bool:
        """Say whether the connection works, within a second."""
        with deadlines.within(HEALTH_CHECK_SECONDS):
            return bool(super().is_usable())
