"""Writes that are queued: when they are sent, when they are dropped, and who is told of errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus

from inventory import deadlines
from inventory.transactions import send, short_transaction, write
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals
from tests.support.scratch import ONE, PUT, PUT_LATER, kept, kill_session, session

pytestmark = pytest.mark.django_db(transaction=True)


class Undo(Exception):
    """Ends a transaction, which is rolled back."""


@contextmanager
def undone() -> Iterator[None]:
    """A transaction, or a savepoint in one, that is rolled back at its end."""
    with suppress(Undo), transaction.atomic():
        yield
        raise Undo


def put(*numbers: int) -> None:
    for number in numbers:
        write(PUT(number=number))


def put_and_send(*numbers: int) -> None:
    put(*numbers)
    send(ONE())


def seen() -> list[int]:
    """What a cursor of Django's sees beside the row 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM scratch WHERE number <> 0 ORDER BY number")
        return [number for (number,) in cursor.fetchall()]


def test_outside_a_transaction_a_write_is_executed_at_once(scratch: None) -> None:
    put(1)
    assert kept() == [1]

    with pytest.raises(IntegrityError):
        put(1)
    with pytest.raises(IntegrityError):
        write(PUT_LATER(number=0))
    assert session().queued == []
    assert kept() == [1]


def test_a_cursor_sees_what_was_written_before_its_statement(scratch: None) -> None:
    with transaction.atomic(), connection.cursor() as early:
        put(1)
        assert seen() == [1]
        put(2)
        early.execute("SELECT count(*) FROM scratch")
        assert early.fetchone() == (3,)
        put(3)
        early.executemany("INSERT INTO scratch (number) VALUES (%s)", [(4,), (5,)])
        put(6)
        with early.copy("COPY (SELECT max(number) FROM scratch) TO STDOUT") as rows:
            assert list(rows.rows()) == [("6",)]

    assert kept() == [1, 2, 3, 4, 5, 6]


def test_a_trip_sends_what_was_written_before_it_in_order(scratch: None) -> None:
    with transaction.atomic():
        put(1, 2)
        assert kept() == []
        with pytest.raises(IntegrityError):
            send(PUT(number=2), ONE())
        transaction.set_rollback(True)

    with transaction.atomic():
        put(3)
        assert send(ONE()) == [[(1,)]]
        assert session().queued == []

    assert kept() == [3]


def test_a_write_is_sent_with_commit(scratch: None) -> None:
    with transaction.atomic():
        put(1)
    assert kept() == [1]
    with short_transaction(ONE()):
        put(2)
    assert kept() == [1, 2]


@pytest.mark.parametrize("send_it", [seen, lambda: send(ONE()), lambda: None])
def test_rollback_undoes_or_drops_what_was_written(
    scratch: None, send_it: Callable[[], object]
) -> None:
    with undone():
        put(1)
        send_it()

    assert session().queued == []
    assert session().pgconn.transaction_status == TransactionStatus.IDLE
    assert seen() == kept() == []


def test_a_trip_that_is_the_first_statement_of_a_transaction_is_rolled_back(scratch: None) -> None:
    with undone():
        send(PUT(number=1))

    assert kept() == []


def test_a_savepoint_takes_with_it_what_was_written_in_it_and_nothing_else(scratch: None) -> None:
    with transaction.atomic():
        put(1)
        with undone():
            put(2, 1)  # would fail
        assert session().queued == []
        with transaction.atomic():
            put(3)
        put(4)
        assert seen() == [1, 3, 4]

    assert kept() == [1, 3, 4]


def test_a_write_after_an_error_is_dropped_with_the_savepoint(scratch: None) -> None:
    with transaction.atomic():
        with undone():
            with pytest.raises(IntegrityError):
                send(PUT(number=0))
            put(1)
        put(2)

    assert kept() == [2]


def test_the_statement_that_sends_a_failing_write_raises_its_error(scratch: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        put_and_send(0)
    with undone():
        put(0)
        with pytest.raises(IntegrityError):
            seen()
    with pytest.raises(IntegrityError), transaction.atomic():
        put(1, 0)  # sent by COMMIT
    with pytest.raises(IntegrityError), short_transaction(ONE()):
        put(1, 0)

    assert kept() == []
    assert send(ONE()) == [[(1,)]]


def test_a_new_connection_does_not_send_what_the_lost_one_had_queued(scratch: None) -> None:
    with undone():
        put_and_send(1)
        put(2)
        kill_session()
        with pytest.raises(OperationalError):
            seen()
    assert seen() == []

    with undone():
        put(2)
        with pytest.raises(OperationalError), deadlines.within(-1):
            send(ONE())
    assert seen() == []

    with transaction.atomic():
        put(3)
        connection.close()
    assert seen() == kept() == []


def test_threads_do_not_share_a_queue(scratch: None, rivals: Rivals) -> None:
    def other() -> list[int]:
        with transaction.atomic():
            put(2)
            return seen()

    with transaction.atomic():
        put(1)
        assert rivals.start(other).result(PATIENCE) == [2]
        assert kept() == [2]

    assert kept() == [1, 2]
    assert len(connections.all(initialized_only=True)) == 1


def test_nothing_is_sent_or_queued_in_a_transaction_that_is_to_be_rolled_back(
    scratch: None,
) -> None:
    with transaction.atomic():
        send(PUT(number=1))
        transaction.set_rollback(True)
        for use in (send, write):
            with pytest.raises(TransactionManagementError):
                use(PUT(number=2))
        assert session().queued == []

    assert kept() == []


@pytest.mark.parametrize("swallow", [put_and_send, lambda _: transaction.set_rollback(True)])
def test_a_transaction_whose_error_was_swallowed_raises_one_at_its_end(
    scratch: None, swallow: Callable[[int], None]
) -> None:
    def swallowing() -> None:
        with suppress(IntegrityError):
            swallow(0)

    with pytest.raises(DatabaseError), short_transaction(ONE()):
        swallowing()

    assert kept() == []
    assert send(ONE()) == [[(1,)]]
