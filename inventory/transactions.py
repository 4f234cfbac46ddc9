"""The one kind of transaction that changes claims: short, at READ COMMITTED, with time limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

# How long a call may wait for a lock, run a statement, and sit idle while it holds a lock. A
# server that finds its client gone while it waits gives up.
TIME_LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "4s",
    "idle_in_transaction_session_timeout": "5s",
    "client_connection_check_interval": "1s",
}


def _set_limits(**limits: str) -> str:
    # SET LOCAL, since a pooler in transaction mode drops start-up options silently and hands a
    # session's own settings to the next client.
    settings = [f"set_config('{name}', '{value}', true)" for name, value in limits.items()]
    return f"SELECT {', '.join(settings)}"


# One who waits for a row behind others waits for them, then for the row, and lock_timeout counts
# anew: so the locking statement as a whole may take no longer.
_WHILE_LOCKING = _set_limits(**{**TIME_LIMITS, "statement_timeout": TIME_LIMITS["lock_timeout"]})
_AFTERWARDS = _set_limits(statement_timeout=TIME_LIMITS["statement_timeout"])
# SQLSTATE classes that say the transaction is certainly rolled back although COMMIT failed:
# integrity constraint violation, transaction rollback (deadlock, serialization).
_ROLLED_BACK = ("23", "40")
# SQLSTATEs of a statement that waited in vain: no lock, out of time, a deadlock.
_IN_VAIN = ("55P03", "57014", "40P01")


class OutcomeUnknown(Exception):
    """The connection was lost while committing: the effect may be there or not."""


# What a service raises when it is the database that cannot: busy, away, or lost while committing.
TROUBLE = (OperationalError, InterfaceError, OutcomeUnknown)


@contextmanager
def short_transaction(lock: str, parameters: tuple[Any, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """A transaction of its own that locks first, with TIME_LIMITS in force; gives the locked rows.

    `lock` is the locking statement, with its `parameters`. BEGIN, the limits and the lock travel
    together. Nesting is an error. Raises OutcomeUnknown when COMMIT itself fails in a way that
    leaves open whether it happened, and whatever the database raises before that.
    """
    committing = False
    try:
        with transaction.atomic(durable=True):
            session = connection.connection
            idle = session.info.transaction_status == TransactionStatus.IDLE  # a test may not be
            if idle:
                session.autocommit = True  # or psycopg makes a trip for a BEGIN of its own
            with connection.cursor() as limits, connection.cursor() as cursor:
                with one_trip():
                    if idle:
                        session.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    limits.execute(_WHILE_LOCKING)
                    cursor.execute(lock, parameters)
                    limits.execute(_AFTERWARDS)
                rows = cursor.fetchall()
            yield rows
            committing = True
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if committing and not state.startswith(_ROLLED_BACK):
            raise OutcomeUnknown from error
        raise


@contextmanager
def limited() -> Iterator[None]:
    """A transaction for a form of the admin, in which no statement may wait over 2 seconds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WHILE_LOCKING)
        yield


def waited_in_vain(error: OperationalError) -> bool:
    """Whether the database gave up on a statement: then certainly nothing was done."""
    return getattr(error.__cause__, "sqlstate", None) in _IN_VAIN


@contextmanager
def one_trip() -> Iterator[None]:
    """Send the statements inside to PostgreSQL together and wait for all of them at the end.

    Inside another trip they travel with that one.
    """
    if connection.connection.pgconn.pipeline_status:
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
