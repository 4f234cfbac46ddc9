"""What a call answers when the database is slow, stuck, killed or away: 503, nothing half-done."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from django.db import connection
from psycopg import IsolationLevel

from holds import claims
from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.proxy import REFUSED, SWALLOWED, Proxy
from tests.support.rivals import (
    Pause,
    Rivals,
    agrees,
    before,
    effects,
    outsider,
    somebody_locks,
    until_waiting,
    waiting,
)

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


def told(answer: "Answer") -> tuple[int, str]:
    """Status and code of a 503, which says when to come again."""
    assert int(answer["Retry-After"]) >= 1
    return answer.status_code, answer.json()["code"]


def with_settings(settings: dict[str, Any], call: Callable[[], T]) -> Callable[[], T]:
    """The call on a new connection with other settings of the database, for a thread."""

    def changed() -> T:
        connection.settings_dict = settings
        return call()

    return changed


def with_option(name: str, value: object, call: Callable[[], T]) -> Callable[[], T]:
    """The call on a new connection with another option of Django's."""
    settings = connection.settings_dict
    return with_settings({**settings, "OPTIONS": {**settings["OPTIONS"], name: value}}, call)


@contextlib.contextmanager
def trigger(table: str, kind: str, statement: str) -> Iterator[None]:
    """Let PostgreSQL run a statement when a row is inserted, or (deferred) at its COMMIT."""
    when = "DEFERRABLE INITIALLY DEFERRED" if kind == "CONSTRAINT" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {statement}; RETURN NULL; END $$"
        )
        cursor.execute(
            f"CREATE {kind} TRIGGER trouble AFTER INSERT ON {table} {when}"
            " FOR EACH ROW EXECUTE FUNCTION trouble()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION trouble CASCADE")


KILLED = "PERFORM pg_terminate_backend(pg_backend_pid())"


def test_a_row_locked_by_somebody_else_is_busy_and_other_groups_are_not(
    broker: Broker, group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    other = TicketGroupFactory(broker=broker)
    api.hold(group, 2, "g-1")
    calls: list[Callable[[], Answer]] = [
        lambda: api.hold(group, 2, "g-2"),
        lambda: api.release("g-1"),
        lambda: api.invoice("o-1", "g-1"),
    ]

    def timed(call: Callable[[], "Answer"]) -> tuple["Answer", float]:
        start = time.monotonic()
        return call(), time.monotonic() - start

    with somebody_locks(group):
        stuck = [rivals.start(lambda call=call: timed(call)) for call in calls]  # type: ignore[misc]
        until_waiting(3)
        assert api.hold(other, 2, "g-3").status_code == 201
        assert len(waiting()) == 3, "the other group was served while these calls waited"
        answers = [one.result(PATIENCE) for one in stuck]

    assert [told(answer) for answer, _ in answers] == [(503, "busy")] * 3
    assert all(2 <= seconds < 4 for _, seconds in answers)
    assert effects() == [("g-1", "held"), ("g-3", "held")]
    assert not OrderException.objects.exists()
    assert api.hold(group, 2, "g-2").status_code == 201


def test_a_deadlock_is_busy_and_changes_nothing(
    broker: Broker,
    group: TicketGroup,
    api: Api,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holding = Pause()
    before(monkeypatch, claims, "claim", holding)
    call = rivals.start(lambda: api.hold(group, 2, "g-1"))
    holding.reached.wait(PATIENCE)

    with outsider() as rival:
        rival.execute("SET LOCAL deadlock_timeout = '1min'")  # the call is to be the one that ends
        rival.execute("SELECT FROM inventory_broker WHERE id = %s FOR UPDATE", (broker.id,))
        lock = "SELECT FROM inventory_ticketgroup WHERE id = %s FOR UPDATE"
        rivals.start(lambda: rival.execute(lock, (group.id,)))
        until_waiting(1)
        holding.go_on.set()
        answer = call.result(PATIENCE)

    assert told(answer) == (503, "busy")
    assert effects() == []
    assert not Hold.objects.exists()


def test_a_serialization_failure_is_busy_and_changes_nothing(group: TicketGroup, api: Api) -> None:
    with trigger("holds_hold", "", "RAISE serialization_failure"):
        assert told(api.hold(group, 2, "g-1")) == (503, "busy")

    assert effects() == []
    assert not Hold.objects.exists()


def test_a_call_reads_what_is_committed_whatever_its_session_would(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    level = IsolationLevel.REPEATABLE_READ
    with somebody_locks(group) as rival:
        call = rivals.start(
            with_option("isolation_level", level, lambda: api.hold(group, 2, "g-1"))
        )
        until_waiting(1)
        rival.execute("UPDATE inventory_ticketgroup SET price = 41 WHERE id = %s", (group.id,))

    assert call.result(PATIENCE).status_code == 201
    assert Hold.objects.get().unit_price == 41


def test_a_connection_killed_while_it_waits_is_unavailable(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with somebody_locks(group):
        call = rivals.start(lambda: api.hold(group, 2, "g-1"))
        until_waiting(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", waiting())

    assert told(call.result(PATIENCE)) == (503, "unavailable")
    assert effects() == []
    assert not Hold.objects.exists()


@pytest.mark.parametrize("table", ["holds_hold", "inventory_ledgerentry"])
def test_a_connection_killed_between_the_writes_leaves_nothing_half_done(
    group: TicketGroup, api: Api, rivals: Rivals, table: str
) -> None:
    with trigger(table, "", f"IF NEW.global_id = 'g-1' THEN {KILLED}; END IF"):
        answer = rivals.start(lambda: api.hold(group, 2, "g-1")).result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert effects() == []
    assert not Hold.objects.exists()
    assert agrees()


def test_a_connection_killed_at_commit_is_an_unknown_outcome_and_the_next_call_works(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    answers: list[Answer] = []

    def twice() -> None:
        with trigger("holds_hold", "CONSTRAINT", KILLED):
            answers.append(api.hold(group, 2, "g-1"))
        answers.append(api.hold(group, 2, "g-1"))

    rivals.start(twice).result(PATIENCE)

    assert told(answers[0]) == (503, "outcome_unknown")
    assert answers[1].status_code == 201
    assert effects() == [("g-1", "held")]


@pytest.mark.parametrize("error", ["lock_not_available", "query_canceled", "deadlock_detected"])
def test_a_commit_that_waited_in_vain_is_busy_and_changes_nothing(
    group: TicketGroup, api: Api, rivals: Rivals, error: str
) -> None:
    with trigger("holds_hold", "CONSTRAINT", f"RAISE {error}"):
        answer = rivals.start(lambda: api.hold(group, 2, "g-1")).result(PATIENCE)

    assert told(answer) == (503, "busy")
    assert effects() == []
    assert not Hold.objects.exists()


def test_a_commit_whose_outcome_the_server_does_not_know_is_an_unknown_outcome(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with trigger("holds_hold", "CONSTRAINT", "RAISE statement_completion_unknown"):
        answer = rivals.start(lambda: api.hold(group, 2, "g-1")).result(PATIENCE)

    assert told(answer) == (503, "outcome_unknown")


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE inventory_broker SET name = 'Renamed', hold_lifetime = 60",
        "UPDATE inventory_event SET name = 'Renamed', venue = 'Elsewhere', date = '2030-01-01'",
        "UPDATE automator_apikey SET name = 'Renamed', key_id = 'other'",
    ],
)
def test_a_form_that_is_being_saved_keeps_no_call_waiting(
    group: TicketGroup, api: Api, edit: str
) -> None:
    with outsider(options="-c lock_timeout=1s") as rival:
        rival.execute(edit)
        assert api.hold(group, 2, "g-1").status_code == 201
        assert api.invoice("o-1", "g-1").status_code == 201
        assert api.release("g-2").status_code == 200


def test_a_broker_that_is_being_deleted_is_busy(
    broker: Broker, group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with outsider() as rival:
        rival.execute("SELECT FROM inventory_broker WHERE id = %s FOR UPDATE", (broker.id,))
        answer = rivals.start(lambda: api.hold(group, 2, "g-1")).result(PATIENCE)

    assert told(answer) == (503, "busy")
    assert effects() == []
    assert api.hold(group, 2, "g-1").status_code == 201


@pytest.mark.parametrize("cut", [REFUSED, SWALLOWED])
@pytest.mark.parametrize("call", ["hold", "release", "invoice"])
def test_a_connection_lost_at_commit_is_settled_by_the_same_call(
    group: TicketGroup, api: Api, rivals: Rivals, call: str, cut: str
) -> None:
    calls: dict[str, Callable[[], Answer]] = {
        "hold": lambda: api.hold(group, 2, "g-1"),
        "release": lambda: api.release("g-1"),
        "invoice": lambda: api.invoice("o-1", "g-1"),
    }
    if call != "hold":
        calls["hold"]()
    before = len(effects())

    with Proxy() as network:
        network.cut = cut
        answer = rivals.start(with_settings(network.settings, calls[call])).result(PATIENCE)
    took_effect = len(effects()) - before
    again = calls[call]()

    assert told(answer) == (503, "outcome_unknown")
    assert took_effect == (1 if cut == SWALLOWED else 0)
    assert ("Idempotent-Replayed" in again) is (cut == SWALLOWED)
    assert again.status_code == (200 if cut == SWALLOWED or call == "release" else 201)
    assert len(effects()) - before == 1


def test_calls_are_unavailable_while_the_database_is_away_and_work_when_it_is_back(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    calls: list[Callable[[], Answer]] = [
        lambda: api.hold(group, 2, "g-1"),
        lambda: api.release("g-1"),
        lambda: api.invoice("o-1", "g-1"),
        lambda: api.look_up_hold("g-1"),
        lambda: api.look_up_invoice("o-1"),
    ]
    answers: list[Answer] = []
    with Proxy() as network:

        def all_calls() -> None:
            connection.settings_dict = network.settings
            network.go_away()
            answers.extend(call() for call in calls)
            network.come_back()
            answers.extend(call() for call in calls[:1])

        rivals.start(all_calls).result(PATIENCE)

    assert [told(answer) for answer in answers[:5]] == [(503, "unavailable")] * 5
    assert answers[5].status_code == 201
    assert effects() == [("g-1", "held")]


def test_a_database_that_takes_no_changes_is_unavailable(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    read_only = "-c default_transaction_read_only=on"
    api.look_up_hold("g-1")  # the key's use is noted

    call = with_option("options", read_only, lambda: api.hold(group, 2, "g-1"))
    answer = rivals.start(call).result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert not LedgerEntry.objects.exclude(global_id="").exists()
