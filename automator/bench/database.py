"""The PostgreSQL of the bench: a server of its own with durable settings, and its counters."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from automator.postgres import cluster
from automator.postgres.server import Server
from automator.postgres.sockets import PORT

# Durable as in production: every commit waits for the disk. The other values are those of a small
# server, so that checkpoints do not come in the middle of every turn.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "300",
}


class Database:
    """The running server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.folder = server.socket_folder
        # For counters: a new connection for each of them would cost more than a call.
        self._counters = self.connect()

    def close(self) -> None:
        """Close the connection for counters."""
        self._counters.close()

    def url(self, name: str, *, folder: Path | None = None) -> str:
        """Return the URL of a database; `folder` is that of another socket than the server's."""
        query = {"host": folder or self.folder, "port": PORT, "user": cluster.USER}
        return f"postgresql:///{name}?{urlencode(query, quote_via=quote)}"

    def connect(self, name: str = cluster.USER) -> "psycopg.Connection[Any]":
        """Return a new connection, which commits each statement."""
        return psycopg.connect(self.url(name), autocommit=True)

    def create(self, name: str) -> None:
        """Make an empty database."""
        self._counters.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def copy(self, template: str, name: str) -> None:
        """Make a database as a copy of another one, to which nobody may be connected."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._counters.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def version(self) -> str:
        """Return the version of PostgreSQL."""
        return str(self._counters.info.parameter_status("server_version"))

    def wal(self) -> int:
        """Return how many bytes of WAL have been written since the server was made."""
        row = self._counters.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        ).fetchone()
        return int(row[0]) if row else 0

    def blocks(self, name: str) -> int:
        """Return how many blocks of a database were read or found in memory, as reported so far."""
        row = self._counters.execute(
            "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = %s", (name,)
        ).fetchone()
        return int(row[0]) if row else 0

    def vacuum(self, name: str) -> None:
        """Vacuum and analyse all tables of a database."""
        with self.connect(name) as connection:
            connection.execute("VACUUM ANALYZE")

    def settle(self, name: str) -> None:
        """Vacuum a database that was filled, and write everything to the disk."""
        self.vacuum(name)
        self._counters.execute("CHECKPOINT")

    @contextlib.contextmanager
    def without_autovacuum(self) -> Iterator[None]:
        """Start no autovacuum, whose blocks would be counted as those of calls."""
        self._counters.execute("ALTER SYSTEM SET autovacuum = off")
        self._counters.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            self._counters.execute("ALTER SYSTEM RESET autovacuum")
            self._counters.execute("SELECT pg_reload_conf()")

    def updates(self, name: str) -> dict[str, tuple[int, int]]:
        """Return how many updates each table has had as reported so far, and how many were HOT."""
        with self.connect(name) as connection:
            rows = connection.execute(
                "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
                " WHERE n_tup_upd > 0 AND NOT starts_with(relname, 'automator_') ORDER BY relname"
            ).fetchall()
        return {table: (updates, hot) for table, updates, hot in rows}


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Database]:
    """Run a new server with durable settings.

    Args:
        folder: where its data folder is made.

    Raises:
        PostgresError: it does not start.
    """
    data = folder / "postgres"
    account = cluster.account_for(data)
    cluster.make(data, account, durable=False)  # nothing is in it yet that a crash could lose
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    with Server(data, durable=True) as server:
        database = Database(server)
        with contextlib.closing(database):
            yield database
