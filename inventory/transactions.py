"""The one kind of transaction that changes claims: short, at READ COMMITTED, with time limits."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from psycopg.errors import Diagnostic
from psycopg.pq import TransactionStatus

from inventory import deadlines

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


# lock_timeout starts anew for each lock in the queue for a row, so it does not bound the whole
# wait; statement_timeout does.
_WHILE_LOCKING = _set_limits(**{**TIME_LIMITS, "statement_timeout": TIME_LIMITS["lock_timeout"]})
# A transaction that has written nothing does not wait for a synchronous standby when it commits,
# although it may have read what is not replicated yet. With a record of its own it waits.
_REPLICATED = (
    "CASE WHEN current_setting('synchronous_standby_names') <> ''"
    " THEN pg_logical_emit_message(true, 'automator', '') END"
)
_AFTERWARDS = f"{_set_limits(statement_timeout=TIME_LIMITS['statement_timeout'])}, {_REPLICATED}"
# SQLSTATEs of a COMMIT that certainly rolled back, as long as the connection outlives it: integrity
# constraint violation, transaction rollback (a deadlock), and a deferred trigger that waited in
# vain for a lock. 40003 says itself that the outcome is unknown.
_ROLLED_BACK = ("23", "40", "55P03", "57014")
_UNKNOWN = "40003"
# SQLSTATEs of a statement that waited in vain: no lock, out of time, a deadlock.
_IN_VAIN = ("55P03", "57014", "40P01")
# Where PostgreSQL's source warns that it stopped waiting for a standby. The warning's text depends
# on the server's language, and its SQLSTATE is that of every warning.
_STOPPED_WAITING_FOR_STANDBY = "SyncRepWaitForLSN"


class OutcomeUnknown(Exception):
    """COMMIT was sent, and whether it took effect, or will last, is unknown."""


# What a service raises when it is the database that cannot: busy, away, or lost while committing.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, OutcomeUnknown)


@contextmanager
def short_transaction(lock: str, parameters: tuple[Any, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """A transaction of its own that locks first, with TIME_LIMITS in force; gives the locked rows.

    `lock` is the locking statement, with its `parameters`. BEGIN, the limits and the lock travel
    together. Nesting is an error. Raises OutcomeUnknown when COMMIT itself fails in a way that
    leaves open whether it happened or is replicated, and whatever the database raises before that.
    """
    committing = False
    session: Any = None
    unreplicated: list[str] = []

    def heed(notice: Diagnostic) -> None:
        if notice.source_function == _STOPPED_WAITING_FOR_STANDBY:
            unreplicated.append(str(notice.message_primary))

    try:
        with transaction.atomic(durable=True):
            session = connection.connection
            session.add_notice_handler(heed)
            yield _begun(session, lock, parameters)
            if deadlines.left() == 0:  # with COMMIT not sent, nothing has changed for certain
                raise OperationalError("There was no time left to commit.")
            committing = True
    except DatabaseError as error:
        if committing and not _rolled_back(error, session):
            raise OutcomeUnknown(str(error)) from error
        raise
    finally:
        if session is not None:
            session.remove_notice_handler(heed)
    if unreplicated:
        raise OutcomeUnknown(unreplicated[0])


def _begun(session: Any, lock: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Begin the transaction with its limits and its lock, in one trip, and return what it locks."""
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
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _rolled_back(error: DatabaseError, session: Any) -> bool:
    """Whether a COMMIT that failed with `error` has certainly had no effect."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state.startswith(_ROLLED_BACK) and state != _UNKNOWN and not session.closed


def limited_statements() -> AbstractContextManager[None]:
    """Give the limits of a call to each statement that runs outside a transaction.

    The limits travel with the statement and end with it.
    """
    return _preceded_by(_WHILE_LOCKING)


def replicated() -> AbstractContextManager[None]:
    """Let no statement inside return what a synchronous standby does not have yet.

    Without synchronous replication this changes nothing.
    """
    return _preceded_by(f"SELECT {_REPLICATED}")


@contextmanager
def _preceded_by(first: str) -> Iterator[None]:
    """Send the statement `first` before each one outside a transaction, as one with it.

    PostgreSQL runs statements that arrive together as one transaction.
    """

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if connection.in_atomic_block:
            return run(sql, *arguments)
        done = run(f"{first}; {sql}", *arguments)
        context: dict[str, Any] = arguments[-1]
        context["cursor"].nextset()  # past the result of `first`
        return done

    with connection.execute_wrapper(execute):
        yield


@contextmanager
def limited() -> Iterator[None]:
    """A transaction for a form of the admin, in which no statement may wait over 2 seconds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WHILE_LOCKING)
        yield


def is_lock_timeout(error: DatabaseError) -> bool:
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
