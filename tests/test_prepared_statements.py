"""Statements that the session has lost are prepared again; some connections prepare none."""

from collections.abc import Callable
from itertools import count

import pytest
from django.db import OperationalError, connection, transaction

from inventory.database.trips import MOST_LOSSES, Prepared, StatementsLost
from inventory.models import Broker, TicketGroup
from inventory.transactions import send
from tests.support.factories import TicketGroupFactory, place_hold
from tests.support.marketplace import Api
from tests.support.pooler import Pooler
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals, outsider
from tests.support.scratch import ONE, PUT, kept, kill_session, prepared, session
from tests.test_database_trouble import with_option, with_settings

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = count(1)
# What `all_calls` is answered.
ANSWERS = [201, 200, 409, 200, 200, 404, 201, 201, 200, 200, 409]


def all_calls(api: Api, group: TicketGroup) -> list[int]:
    """The statuses that calls of every kind are answered, which have new ids each time."""
    first, second, unknown = (f"g-{next(NUMBERS)}" for _ in range(3))
    answers = [
        api.hold(group, 2, first),
        api.hold(group, 2, first),
        api.hold(group, 9999, unknown),
        api.release(first),
        api.release(first),
        api.invoice("o-0", unknown),
        api.hold(group, 1, second),
        api.invoice(f"o-{second}", second),
        api.look_up_hold(second),
        api.look_up_invoice(f"o-{second}"),
        api.release(second),
    ]
    return [answer.status_code for answer in answers]


@pytest.fixture
def plenty(broker: Broker) -> TicketGroup:
    """A group with tickets for many calls."""
    group: TicketGroup = TicketGroupFactory(broker=broker, seats=[], quantity=1000)
    return group


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


LOSSES = {
    "DEALLOCATE ALL": lambda: execute("DEALLOCATE ALL"),
    "DISCARD ALL": lambda: execute("DISCARD ALL"),
    "a new session": kill_session,
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_calls_succeed_after_the_session_has_lost_its_statements(
    api: Api, plenty: TicketGroup, rivals: Rivals, lose: Callable[[], object]
) -> None:
    def calls() -> None:
        assert all_calls(api, plenty) == ANSWERS
        before = prepared()
        assert {"limits", "key", "begin", "claim", "record", "commit"} <= before
        lose()
        assert all_calls(api, plenty) == ANSWERS
        assert prepared() == before

    rivals.start(calls).result(PATIENCE)


@pytest.mark.parametrize(
    ("table", "column", "length"),
    [("inventory_ticketgroup", "public_notes", 1000), ("automator_apikey", "key_id", 32)],
)
def test_calls_succeed_after_the_type_of_a_selected_column_has_changed(
    api: Api, plenty: TicketGroup, table: str, column: str, length: int
) -> None:
    assert all_calls(api, plenty) == ANSWERS
    for kind in ("text", f"varchar({length})"):
        with outsider() as migration:
            migration.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}")
        assert all_calls(api, plenty) == ANSWERS


def test_a_migration_can_go_on_while_statements_are_prepared(api: Api, plenty: TicketGroup) -> None:
    """More often than a connection may lose its statements."""
    for number in range(MOST_LOSSES + 2):
        with outsider() as migration:
            migration.execute(f"ALTER TABLE inventory_ticketgroup ADD COLUMN new_{number} int")
        assert all_calls(api, plenty) == ANSWERS
        with outsider() as migration:
            migration.execute(f"ALTER TABLE inventory_ticketgroup DROP COLUMN new_{number}")
        assert all_calls(api, plenty) == ANSWERS

    assert session().prepared


def test_a_connection_that_loses_its_statements_too_often_prepares_none(
    api: Api, plenty: TicketGroup, rivals: Rivals
) -> None:
    def calls() -> None:
        for _ in range(MOST_LOSSES):
            assert all_calls(api, plenty) == ANSWERS
            execute("DEALLOCATE ALL")
        assert all_calls(api, plenty) == ANSWERS
        assert "limits" in prepared()
        execute("DEALLOCATE ALL")
        assert all_calls(api, plenty) == ANSWERS
        assert prepared() == set()

        connection.close()
        assert all_calls(api, plenty) == ANSWERS
        assert "limits" in prepared()

    rivals.start(calls).result(PATIENCE)


def test_statements_that_are_lost_in_a_transaction_are_not_sent_again(scratch: None) -> None:
    session().prepared = Prepared()
    with transaction.atomic():
        send(ONE(), PUT(number=1))
        execute("DEALLOCATE ALL")
        with pytest.raises(OperationalError) as error, transaction.atomic():
            send(ONE(), PUT(number=2))
        assert isinstance(error.value.__cause__, StatementsLost)
        send(PUT(number=3))

    assert kept() == [1, 3]


def test_statements_that_are_lost_before_a_transaction_are_sent_again(scratch: None) -> None:
    session().prepared = Prepared()
    send(ONE(), PUT(number=1))
    execute("DEALLOCATE ALL")
    send(ONE(), PUT(number=2))
    execute("DEALLOCATE ALL")
    with transaction.atomic():
        send(ONE(), PUT(number=3))

    assert kept() == [1, 2, 3]


def test_statements_that_psycopg_itself_deallocates_are_prepared_again(
    plenty: TicketGroup, rivals: Rivals
) -> None:
    def calls() -> None:
        for number in range(2 * MOST_LOSSES):
            place_hold(plenty, 1, f"g-{number}")
            with transaction.atomic():
                execute("SELECT 1")
                transaction.set_rollback(True)
            assert "limits" not in prepared()

    options = {"prepare_threshold": 0, "server_side_binding": True}
    settings = connection.settings_dict
    settings = {**settings, "OPTIONS": {**settings["OPTIONS"], **options}}
    rivals.start(with_settings(settings, calls)).result(PATIENCE)


def test_the_setting_prepares_nothing(api: Api, plenty: TicketGroup, rivals: Rivals) -> None:
    def calls() -> None:
        assert all_calls(api, plenty) == ANSWERS
        assert prepared() == set()

    rivals.start(with_option("prepared_statements", False, calls)).result(PATIENCE)


@pytest.mark.parametrize("prepares", [True, False])
def test_calls_succeed_behind_a_pooler_that_switches_sessions(
    api: Api, plenty: TicketGroup, rivals: Rivals, *, prepares: bool
) -> None:
    def calls() -> None:
        for _ in range(MOST_LOSSES + 2):
            assert all_calls(api, plenty) == ANSWERS
        assert session().prepared is None

    with Pooler() as pooler:
        settings = pooler.settings
        options = {**settings["OPTIONS"], "prepared_statements": prepares}
        rivals.start(with_settings({**settings, "OPTIONS": options}, calls)).result(PATIENCE)
        left = sum(
            len(session.execute("SELECT FROM pg_prepared_statements").fetchall())
            for session in pooler.sessions
        )

    assert (left > 0) is prepares
