"""Statements that are sent to PostgreSQL in one trip: errors, lost connections, interruptions."""

import os
import signal
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus

from inventory import deadlines
from inventory.database import trips
from inventory.database.trips import Bound, Prepared, Statement
from inventory.transactions import send
from tests.support.programs import PATIENCE, wait_until
from tests.support.proxy import Proxy
from tests.support.rivals import Rivals, outsider
from tests.support.scratch import (
    DIE,
    LABELS,
    ONE,
    PUT,
    PUT_LATER,
    SLEEP,
    kept,
    kill_session,
    prepared,
    session,
    usable,
)

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = [0, 1, 2]  # the first, middle and last statement of a trip


def cause(error: pytest.ExceptionInfo[Exception]) -> Any:
    """What psycopg raised."""
    return error.value.__cause__


# --- errors ---------------------------------------------------------------------------------------


def three(failing: Bound, place: int) -> list[Bound]:
    """Three statements, of which one fails."""
    statements = [PUT(number=number) for number in (1, 2, 3)]
    statements[place] = failing
    return statements


@pytest.mark.parametrize("place", PLACES)
def test_outside_a_transaction_a_trip_that_fails_changes_nothing(scratch: None, place: int) -> None:
    with pytest.raises(IntegrityError) as error:
        send(*three(PUT(number=0), place))

    assert isinstance(cause(error), psycopg.errors.UniqueViolation)
    assert cause(error).executed_last is (place == 2)
    assert usable()
    assert kept() == []


@pytest.mark.parametrize("place", PLACES)
def test_in_a_transaction_a_trip_that_fails_can_be_rolled_back_to_a_savepoint(
    scratch: None, place: int
) -> None:
    with transaction.atomic():
        send(PUT(number=9))
        with pytest.raises(IntegrityError), transaction.atomic():
            send(*three(PUT(number=0), place))
        assert usable()

    assert kept() == [9]


def test_a_constraint_that_is_checked_at_the_end_of_a_trip_raises_its_error(scratch: None) -> None:
    with pytest.raises(IntegrityError) as error:
        send(PUT(number=1), PUT_LATER(number=0))

    assert cause(error).diag.constraint_name == "scratch_later_key"
    assert usable()
    assert kept() == []


@pytest.mark.parametrize("place", PLACES)
def test_what_was_not_prepared_because_of_an_error_is_prepared_later(
    scratch: None, place: int
) -> None:
    session().prepared = Prepared()
    trip = [Statement(f"number_{n}", f"SELECT {n}") for n in PLACES]
    trip[place] = Statement(f"by_zero_{place}", f"SELECT {place} / 0")
    with pytest.raises(DataError):
        send(*[statement() for statement in trip])

    assert prepared() == {statement.name for statement in trip[: place + 1]}
    others = [statement() for statement in trip if "by_zero" not in statement.name]
    assert send(*others) == [[(n,)] for n in PLACES if n != place]
    assert prepared() == {statement.name for statement in trip}


def test_a_statement_that_cannot_be_prepared_raises_its_error() -> None:
    with pytest.raises(Exception, match="syntax error") as error:
        send(ONE(), Statement("wrong", "SELECT FROM WHERE")(), ONE())

    assert cause(error).executed_last is False
    assert usable()
    assert "wrong" not in prepared()


def test_an_error_that_postgresql_did_not_tell_says_nothing_of_the_last_statement() -> None:
    # libpq makes such a result when it has no memory for a row, for instance.
    result = session().pgconn.make_empty_result(ExecStatus.FATAL_ERROR)

    with pytest.raises(psycopg.OperationalError) as error:
        trips._raise_first_error([result], [None, None], Transformer(session()), None)

    assert error.value.executed_last is True  # type: ignore[attr-defined]


# --- connections that are lost --------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_a_connection_that_ends_during_a_statement(scratch: None, place: int) -> None:
    with pytest.raises(OperationalError) as error, transaction.atomic():
        send(*three(DIE(), place))

    assert isinstance(cause(error), psycopg.errors.AdminShutdown)
    assert cause(error).executed_last is (place == 2)
    assert kept() == []
    assert usable()


@pytest.mark.parametrize("labels", [1, 100_000])
def test_a_connection_that_ended_before_the_trip_says_why(scratch: None, labels: int) -> None:
    """Even if so much is sent that a part of it is refused before the answer is read."""

    def trip() -> None:
        send(PUT(number=1))
        kill_session()
        send(*[LABELS(labels=["label"] * labels)] * 3)

    with pytest.raises(OperationalError) as error, transaction.atomic():
        trip()

    assert isinstance(cause(error), psycopg.errors.AdminShutdown)
    assert cause(error).executed_last is False
    assert kept() == []
    assert usable()


def test_a_connection_that_is_cut_does_not_say_what_was_executed(rivals: Rivals) -> None:
    def trips_behind(network: Proxy) -> Any:
        connection.settings_dict = network.settings
        send(ONE())
        network.go_away()
        with pytest.raises(OperationalError) as error:
            send(ONE(), ONE())
        return cause(error)

    with Proxy() as network:
        error = rivals.start(lambda: trips_behind(network)).result(PATIENCE)

    assert error.sqlstate is None
    assert error.executed_last is True


def test_a_connection_that_ends_after_the_answer(scratch: None) -> None:
    send(PUT(number=1))
    kill_session()
    with pytest.raises(OperationalError):
        send(PUT(number=2))
    connection.close()

    assert usable()
    assert kept() == [1]


def test_a_connection_that_is_closed_sends_nothing(scratch: None) -> None:
    session().close()
    with pytest.raises(OperationalError, match="the connection is closed"):
        send(PUT(number=1))

    assert kept() == []


# --- deadlines and interruptions ------------------------------------------------------------------


def test_a_deadline_that_has_passed_sends_nothing_and_closes_the_connection(scratch: None) -> None:
    used = session()
    with pytest.raises(OperationalError, match="no time left"), deadlines.within(-1):
        send(PUT(number=1))

    assert used.closed
    connection.close()
    assert usable()
    assert kept() == []


def test_a_deadline_that_passes_while_a_trip_is_waited_for_closes_the_connection(
    scratch: None,
) -> None:
    used = session()
    with (
        pytest.raises(OperationalError, match="did not answer in time"),
        transaction.atomic(),
        deadlines.within(0.2),
    ):
        send(PUT(number=1), SLEEP(seconds=1))

    assert used.closed
    assert usable()
    assert kept() == []


def test_ctrl_c_during_a_trip_leaves_a_connection_that_can_be_used(
    scratch: None, rivals: Rivals
) -> None:
    pid = session().info.backend_pid

    def interrupt() -> None:
        with outsider(autocommit=True) as watch:
            asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
            wait_until(lambda: watch.execute(asleep, (pid,)).fetchone(), "the statement")
        os.kill(os.getpid(), signal.SIGUSR1)

    former = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    interrupted = rivals.start(interrupt)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        send(PUT(number=1), SLEEP(seconds=PATIENCE), PUT(number=2))
    interrupted.result(PATIENCE)
    signal.signal(signal.SIGUSR1, former)

    assert session().info.backend_pid == pid
    assert usable()
    assert kept() == []


@pytest.mark.parametrize("failing", [GeneratorExit, RuntimeError])
def test_a_trip_that_is_given_up_closes_its_connection(
    scratch: None, failing: type[BaseException]
) -> None:
    used = session()
    trip = trips.exchange(used, [PUT(number=1), ONE()], None)
    next(trip)
    with pytest.raises(failing):
        trip.throw(failing)

    assert used.closed
    assert used.pgconn.transaction_status == TransactionStatus.UNKNOWN
