"""The kind of transaction in which claims change: short, at READ COMMITTED, with time limits."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from psycopg.errors import Diagnostic

from inventory import deadlines
from inventory.database.trips import Bound, Rows, Statement

# How long a call may wait for a lock, run a statement, and stay idle in its transaction. The last
# setting makes the server check that often, while a statement runs, whether its client is gone.
TIME_LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "4s",
    "idle_in_transaction_session_timeout": "5s",
    "client_connection_check_interval": "1s",
}


def _set_limits(**limits: str) -> str:
    # The settings are local to the transaction because a pooler in transaction mode silently drops
    # start-up options, and passes a session's settings on to the next client.
    settings = [f"set_config('{name}', '{value}', true)" for name, value in limits.items()]
    return f"SELECT {', '.join(settings)}"


# lock_timeout restarts for each lock in the queue for a row, so it does not bound the whole wait;
# statement_timeout does.
_WHILE_LOCKING = _set_limits(**{**TIME_LIMITS, "statement_timeout": TIME_LIMITS["lock_timeout"]})
# A transaction that has written nothing does not wait for a synchronous standby when it commits,
# although it may have read data that is not replicated yet. Writing a record makes it wait.
_REPLICATED = (
    "SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''"
    " THEN pg_logical_emit_message(true, 'automator', '') END"
)
LIMITS = Statement("limits", _WHILE_LOCKING)
AFTERWARDS = Statement(
    "limits_afterwards", _set_limits(statement_timeout=TIME_LIMITS["statement_timeout"])
)
WAIT_FOR_STANDBY = Statement("wait_for_standby", _REPLICATED)
COMMIT = Statement("commit", "COMMIT")
# SQLSTATEs of a COMMIT that has certainly been rolled back, provided that the connection is still
# open: integrity constraint violations (23), transaction rollbacks such as deadlocks (40), and a
# deferred trigger that could not get a lock (55P03) or ran out of time (57014). 40003 is the
# exception, since it means that the outcome is unknown.
_ROLLED_BACK = ("23", "40", "55P03", "57014")
_UNKNOWN = "40003"
# SQLSTATEs of a statement that failed because the database is busy: lock not available, deadlock
# detected, serialization failure, and statement timeout. The same statement may succeed later.
BUSY_STATES = frozenset({"55P03", "40P01", "40001", "57014"})
# The function in PostgreSQL's source that warns when it stops waiting for a standby. The warning is
# recognised by it because its text depends on the server's language, and its SQLSTATE is that of
# every warning.
_STOPPED_WAITING_FOR_STANDBY = "SyncRepWaitForLSN"


class OutcomeUnknown(Exception):
    """Raised when COMMIT was sent, and it is unknown whether it took effect or will last."""


# What a service raises if the database is busy, cannot be reached, or was lost while committing.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, OutcomeUnknown)


def send(*statements: Bound) -> list[Rows]:
    """Send statements to PostgreSQL in one trip, after those that `write` has queued.

    Returns the rows of each statement.

    Raises:
        DatabaseError: a statement failed. Those after it have not been executed.
    """
    rows: list[Rows] = _database().trip(statements)
    return rows


def write(statement: Bound) -> None:
    """Execute a statement whose rows nobody needs.

    In a transaction it is sent together with the next statement, or with COMMIT at the latest, so
    that it costs no trip of its own.

    Raises:
        DatabaseError: the statement failed. In a transaction, the statement with which it is sent
            raises the error.
    """
    database = _database()
    if not database.in_atomic_block:
        database.trip([statement])
    else:
        database.queue(statement)


def read(statement: Bound) -> Rows:
    """Execute a statement under the time limits of a call, outside a transaction.

    It must have no effect, because it is sent again where the connection turns out to be broken.
    Thus a request needs no check of its connection before its first statement.

    Raises:
        DatabaseError: the statement failed twice, or not because of the connection.
    """
    database = _database()
    if database.in_atomic_block:  # of a test
        return send(statement)[0]
    session = database.connection
    if session is not None:
        database.health_check_done = True
        try:
            with deadlines.within(deadlines.HEALTH_CHECK_SECONDS):
                return send(LIMITS(), statement)[1]
        except (OperationalError, InterfaceError):
            if not session.closed:
                raise
            database.close()
    return send(LIMITS(), statement)[1]


@contextmanager
def short_transaction(lock: Bound, *then: Bound) -> Iterator[list[Rows]]:
    """Run the block in a transaction of its own, under TIME_LIMITS, that locks rows first.

    `lock` is the locking statement. The statements in `then` are executed after it, so that they
    see what others have committed before the lock was had. The context manager gives the rows of
    each. All this is sent in one trip, and COMMIT is sent in another one together with what the
    block has written last. The transaction cannot be nested in another one.

    Raises:
        OutcomeUnknown: COMMIT failed, and it is unknown whether it took effect or is replicated.
        OperationalError: the lock could not be had in time, no time was left to commit, or the
            transaction failed for another reason and was rolled back. Nothing has changed.
        InterfaceError: the connection is closed. Nothing has changed.
    """
    database = _database()
    session: Any = None
    unreplicated: list[str] = []

    def heed(notice: Diagnostic) -> None:
        if notice.source_function == _STOPPED_WAITING_FOR_STANDBY:
            unreplicated.append(str(notice.message_primary))

    try:
        with transaction.atomic(durable=True):
            session = database.connection
            session.add_notice_handler(heed)
            try:
                yield _begun(database, lock, *then)
                _commit(database)
            except Exception:
                if session.closed:
                    database.close()  # so that Django does not connect again to roll back
                raise
    finally:
        if session is not None:
            session.remove_notice_handler(heed)
    if unreplicated:
        raise OutcomeUnknown(unreplicated[0])


def _database() -> Any:
    # Each access to an attribute of django.db.connection looks the connection up again.
    return connections[DEFAULT_DB_ALIAS]


def _begun(database: Any, *statements: Bound) -> list[Rows]:
    """Begin the transaction, set its limits and execute its first statements in one trip."""
    rows: list[Rows] = database.trip([LIMITS(), *statements, AFTERWARDS()])
    return rows[1:-1]


def _commit(database: Any) -> None:
    """Send what is queued and COMMIT in one trip.

    Raises:
        OutcomeUnknown: COMMIT failed, and it is unknown whether it took effect.
        DatabaseError: the transaction is certainly rolled back, or will be.
    """
    database.validate_no_broken_transaction()
    if deadlines.left() == 0 or database.connection.closed:
        # COMMIT is not sent, so nothing has changed.
        raise OperationalError("There was no time left, or no connection, to commit.")
    if database.savepoint_ids:  # of a test
        return
    last = [] if database.connection.queued else [WAIT_FOR_STANDBY()]
    try:
        database.trip([*last, COMMIT()])
    except DatabaseError as error:
        if _rolled_back(error, database.connection):
            raise
        raise OutcomeUnknown(str(error)) from error


def _rolled_back(error: DatabaseError, session: Any) -> bool:
    """Return whether a trip that ends with COMMIT and failed has certainly had no effect."""
    if not getattr(error.__cause__, "executed_last", True):  # an earlier statement failed
        return True
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state.startswith(_ROLLED_BACK) and state != _UNKNOWN and not session.closed


def limited_statements() -> AbstractContextManager[None]:
    """Apply the time limits of a call to each statement in the block outside a transaction.

    The limits are sent with the statement and end with it.
    """
    return _preceded_by(_WHILE_LOCKING)


def replicated() -> AbstractContextManager[None]:
    """Make each statement in the block wait until a synchronous standby has the data it returns.

    This has no effect without synchronous replication or inside a transaction.
    """
    return _preceded_by(_REPLICATED)


@contextmanager
def _preceded_by(first: str) -> Iterator[None]:
    """Send the statement `first` together with each statement that runs outside a transaction.

    PostgreSQL runs statements that are sent together as one transaction.
    """

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if connection.in_atomic_block:
            return run(sql, *arguments)
        done = run(f"{first}; {sql}", *arguments)
        context: dict[str, Any] = arguments[-1]
        context["cursor"].nextset()  # skip the result of `first`
        return done

    with connection.execute_wrapper(execute):
        yield


@contextmanager
def limited() -> Iterator[None]:
    """Run the block in a transaction for an admin form, where each statement may take 2 seconds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WHILE_LOCKING)
        yield


def is_lock_timeout(error: DatabaseError) -> bool:
    """Return whether a statement failed because the database is busy. It has had no effect then."""
    return getattr(error.__cause__, "sqlstate", None) in BUSY_STATES
