"""A table with which tests see what a trip to PostgreSQL has changed, and statements for it."""

from collections.abc import Iterator

import pytest
from django.db import connection
from psycopg.pq import PipelineStatus

from inventory.database.base import Connection
from inventory.database.trips import Statement
from inventory.transactions import send
from tests.support.rivals import outsider

ONE = Statement("one", "SELECT 1")
SLEEP = Statement("sleep", "SELECT pg_sleep(%(seconds)s)")
DIE = Statement("die", "SELECT pg_terminate_backend(pg_backend_pid())")
LABELS = Statement("labels", "SELECT %(labels)s::text[]")
# Two equal numbers are refused at once.
PUT = Statement("put", "INSERT INTO scratch (number) VALUES (%(number)s)")
# Two equal numbers are refused when the transaction ends.
PUT_LATER = Statement("put_later", "INSERT INTO scratch (later) VALUES (%(number)s)")


@pytest.fixture
def scratch(transactional_db: None) -> Iterator[None]:
    """A table with the row 0. It is committed, and other connections see it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE scratch"
            " (number integer UNIQUE, later integer UNIQUE DEFERRABLE INITIALLY DEFERRED);"
            "INSERT INTO scratch VALUES (0, 0)"
        )
    yield
    connection.close()  # a test may have broken it
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scratch")


def usable() -> bool:
    """Whether the connection of this thread is open, and can be used by trips and by Django."""
    assert session().pgconn.pipeline_status == PipelineStatus.OFF
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        return (send(ONE()), cursor.fetchone()) == ([[(1,)]], (2,))


def kept() -> list[int]:
    """What is committed beside the row 0."""
    with outsider() as session:
        rows = session.execute(
            "SELECT coalesce(number, later) AS number FROM scratch"
            " WHERE number IS DISTINCT FROM 0 ORDER BY number"
        )
        return [number for (number,) in rows]


def session() -> Connection:
    """The connection of this thread."""
    connection.ensure_connection()
    assert isinstance(connection.connection, Connection)
    return connection.connection


def kill_session() -> None:
    """End the session of this thread in PostgreSQL, and return when it has ended."""
    pid = session().info.backend_pid
    with outsider() as killer:
        assert killer.execute("SELECT pg_terminate_backend(%s, 20000)", (pid,)).fetchone() == (
            True,
        )


def prepared() -> set[str]:
    """The names of the statements that the session of this thread has prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name.rpartition("_")[0] for (name,) in cursor.fetchall()}
