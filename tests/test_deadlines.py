"""Every call is answered in time, although the database does not answer at all."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import OperationalError, close_old_connections, connection
from django.test import Client

from automator import health
from automator.models import ApiKey
from holds import services
from holds.models import Hold
from inventory import deadlines, transactions
from inventory.models import Broker, LedgerEntry, TicketGroup
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE, wait_until
from tests.support.proxy import LOST, UNANSWERED, Proxy
from tests.support.rivals import Rivals, before, database_url, effects, outsider, waiting
from tests.support.servers import Answer as WireAnswer
from tests.support.servers import gunicorn
from tests.test_database_trouble import told, with_option, with_settings

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)

LITTLE = 1.2  # seconds for a call that meets a fault; others have as long as in production
CHANGES = ("hold", "release", "invoice")
LOOK_UPS = ("look_up_hold", "look_up_invoice")
CALLS = (*CHANGES, *LOOK_UPS)


def called(name: str, api: Api, group: TicketGroup) -> "Answer":
    calls: dict[str, Callable[[], Answer]] = {
        "hold": lambda: api.hold(group, 2, "g-1"),
        "release": lambda: api.release("g-1"),
        "invoice": lambda: api.invoice("o-1", "g-1"),
        "look_up_hold": lambda: api.look_up_hold("g-1"),
        "look_up_invoice": lambda: api.look_up_invoice("o-1"),
    }
    return calls[name]()


def hurried(call: Callable[[], "Answer"]) -> tuple["Answer", float]:
    """The answer to a call that has little time, and how many seconds it took."""
    start = time.monotonic()
    with deadlines.within(LITTLE):
        answer = call()
    return answer, time.monotonic() - start


def timed(call: Callable[[], "Answer"]) -> tuple["Answer", float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


def bring_about(api: Api, group: TicketGroup, call: str) -> None:
    """Make the calls that come before this one."""
    if call != "hold":
        api.hold(group, 2, "g-1")
    if call == "look_up_invoice":
        api.invoice("o-1", "g-1")


def test_a_deadline_ends_and_the_earlier_one_counts() -> None:
    assert deadlines.left() is None
    with deadlines.within(100):
        with deadlines.within(1):
            assert 0 < (deadlines.left() or 0) <= 1
        with deadlines.within(1000):
            assert 1 < (deadlines.left() or 0) <= 100
        with deadlines.within(-1):
            assert deadlines.left() == 0
    assert deadlines.left() is None


def test_what_has_no_deadline_takes_as_long_as_it_takes(rivals: Rivals) -> None:
    def command() -> None:
        with connection.cursor() as cursor:
            with deadlines.within(60):
                cursor.execute("SELECT 1")
            cursor.execute("SELECT pg_sleep(0.2)")
            with deadlines.within(0.1), pytest.raises(OperationalError, match="did not answer"):
                cursor.execute("SELECT pg_sleep(2)")
        assert connection.connection.closed

    rivals.start(command).result(PATIENCE)


@pytest.mark.parametrize("name", CALLS)
def test_a_network_that_swallows_a_call_is_unavailable_and_nothing_changes(
    group: TicketGroup, api: Api, rivals: Rivals, name: str
) -> None:
    bring_about(api, group, name)
    before = effects()
    with Proxy() as network:

        def call() -> tuple["Answer", float]:
            connection.settings_dict = network.settings
            api.look_up_hold("g-1")
            network.stall()
            return hurried(lambda: called(name, api, group))

        answer, seconds = rivals.start(call).result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert seconds < 3.5
    assert effects() == before
    assert called(name, api, group).status_code in {200, 201}
    assert len(effects()) - len(before) == (1 if name in CHANGES else 0)


@pytest.mark.parametrize("cut", [LOST, UNANSWERED])
@pytest.mark.parametrize("name", CHANGES)
def test_a_commit_that_is_not_answered_is_an_unknown_outcome_and_is_settled_by_the_same_call(
    group: TicketGroup, api: Api, rivals: Rivals, name: str, cut: str
) -> None:
    bring_about(api, group, name)
    before = len(effects())
    with Proxy() as network:
        network.cut = cut
        call = with_settings(network.settings, lambda: called(name, api, group))
        answer, seconds = rivals.start(lambda: hurried(call)).result(PATIENCE)
        again = called(name, api, group)

    assert told(answer) == (503, "outcome_unknown")
    assert seconds < 3.5
    assert again.status_code in {200, 201}
    assert ("Idempotent-Replayed" in again) is (cut == UNANSWERED)
    assert len(effects()) - before == 1


def test_a_connection_that_was_cut_while_idle_is_replaced_within_the_call(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with Proxy() as network:

        def call() -> "Answer":
            connection.settings_dict = network.settings
            api.look_up_hold("g-1")
            network.stall()
            with pytest.raises(OperationalError), deadlines.within(0.1):
                connection.cursor().execute("SELECT 1")  # the network has swallowed something
            network.come_back()
            close_old_connections()  # Django's own, at the end of a request
            return api.hold(group, 2, "g-1")

        assert rivals.start(call).result(PATIENCE).status_code == 201


def test_the_health_check_of_a_connection_takes_a_second_at_most(api: Api, rivals: Rivals) -> None:
    with Proxy() as network:

        def check() -> tuple[bool, float]:
            connection.settings_dict = network.settings
            connection.ensure_connection()
            network.stall()
            start = time.monotonic()
            return connection.is_usable(), time.monotonic() - start

        usable, seconds = rivals.start(check).result(PATIENCE)

    assert not usable
    assert seconds < 3.5


def test_hosts_that_do_not_answer_are_given_up_together(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with Proxy() as network:
        network.stall()
        hosts = ",".join(["127.0.0.1"] * 3)
        ports = ",".join([str(network.port)] * 3)
        settings = {**network.settings, "HOST": hosts, "PORT": ports}
        call = with_settings(settings, lambda: api.hold(group, 2, "g-1"))
        answer, seconds = rivals.start(lambda: hurried(call)).result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert seconds < 2 * settings["OPTIONS"]["connect_timeout"]
    assert effects() == []


@pytest.mark.parametrize(
    ("place", "settled"),
    [
        ((transactions, "_begun"), ("unavailable", 201)),
        ((transactions, "_commit"), ("outcome_unknown", 200)),
    ],
)
def test_a_server_process_that_stands_still_is_given_up_and_the_same_call_settles_it(
    group: TicketGroup,
    api: Api,
    rivals: Rivals,
    place: tuple[Any, str],
    settled: tuple[str, int],
) -> None:
    still: list[int] = []

    def stop() -> None:
        if not still:
            still.append(connection.connection.info.backend_pid)
            os.kill(still[0], signal.SIGSTOP)

    with pytest.MonkeyPatch.context() as patch:
        before(patch, *place, stop)
        call = rivals.start(lambda: hurried(lambda: api.hold(group, 2, "g-1")))
        answer, _ = call.result(PATIENCE)
    os.kill(still[0], signal.SIGCONT)

    again = api.hold(group, 2, "g-1")
    assert (told(answer), again.status_code) == ((503, settled[0]), settled[1])
    assert effects() == [("g-1", "held")]


def test_a_deadline_that_passes_before_commit_certainly_changes_nothing(
    group: TicketGroup,
    api: Api,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dawdle() -> None:
        wait_until(lambda: deadlines.left() == 0, "the deadline")

    before(monkeypatch, services, "Outcome", dawdle)  # the last thing in the transaction
    call = rivals.start(lambda: hurried(lambda: api.hold(group, 2, "g-1")))
    answer, _ = call.result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert effects() == []
    assert not Hold.objects.exists()


@pytest.mark.parametrize("table", ["automator_apikey", "inventory_ticketgroup", "holds_hold"])
def test_a_table_that_somebody_locks_is_busy_and_nobody_waits_for_it_afterwards(
    group: TicketGroup, api: Api, rivals: Rivals, table: str
) -> None:
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    names = [name for name in CALLS if table != "inventory_ticketgroup" or "look_up" not in name]
    with outsider() as rival:
        rival.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        calls = [
            rivals.start(lambda name=name: timed(lambda: called(name, api, group)))  # type: ignore[misc]
            for name in names
        ]
        answers = [call.result(PATIENCE) for call in calls]
        assert waiting() == []

    assert {told(answer) for answer, _ in answers} == {(503, "busy")}
    assert max(seconds for _, seconds in answers) < 4
    assert effects() == [("g-1", "held"), ("g-1", "invoiced")]
    assert api.look_up_hold("g-1").status_code == 200


def test_use_of_a_key_is_noted_and_a_locked_key_is_passed_over(
    api: Api, group: TicketGroup, rivals: Rivals
) -> None:
    with outsider() as rival:
        rival.execute("SELECT FROM automator_apikey FOR UPDATE")
        assert rivals.start(lambda: api.hold(group, 2, "g-1")).result(PATIENCE).status_code == 201
    assert ApiKey.objects.get().last_used_at is None

    api.look_up_hold("g-1")
    assert ApiKey.objects.get().last_used_at


def test_limits_of_a_statement_are_its_own_and_end_with_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.append(cursor.fetchone()[0])

    before(monkeypatch, health, "require_migrations", look)
    assert Client().get("/readyz").status_code == 200
    look()

    assert seen == ["2s", "0"]


def test_ready_is_answered_in_time(rivals: Rivals) -> None:
    with Proxy() as network:

        def ask() -> tuple["Answer", float]:
            connection.settings_dict = network.settings
            connection.ensure_connection()
            network.stall()
            return hurried(lambda: Client().get("/readyz"))

        answer, seconds = rivals.start(ask).result(PATIENCE)

    assert answer.status_code == 503
    assert seconds < 3.5


def test_a_request_that_waited_too_long_for_a_thread_does_nothing(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    def late() -> "Answer":
        deadlines.queued.set(deadlines.CALL_SECONDS)
        return api.post("hold", "holds", b"{}")

    answer = rivals.start(late).result(PATIENCE)

    assert told(answer) == (503, "unavailable")
    assert LedgerEntry.objects.exclude(global_id="").count() == 0


def test_more_calls_than_threads_are_answered_within_five_seconds_of_silence(
    broker: Broker, group: TicketGroup, rivals: Rivals
) -> None:
    key = ApiKey.objects.issue(broker)[1]
    body = b'{"remote_id": "%s", "quantity": 1, "global_id": "g-1"}' % group.remote_id.encode()

    with Proxy() as network, gunicorn(DATABASE_URL=network.url) as server:

        def call() -> tuple[WireAnswer, float]:
            start = time.monotonic()
            answer = server.request(
                "POST", "/api/v1/holds", body, x_api_key=key, content_type="application/json"
            )
            return answer, time.monotonic() - start

        assert server.request("GET", "/readyz").status == 200
        network.stall()
        answers = rivals.together(*[call] * 12)
        network.come_back()
        again, _ = call()

    assert {(answer.status, answer.json["code"]) for answer, _ in answers} == {(503, "unavailable")}
    assert all(answer.headers["Retry-After"] for answer, _ in answers)
    assert max(seconds for _, seconds in answers) < 5
    assert again.status == 201
    assert effects() == [("g-1", "held")]


# --- synchronous replication ----------------------------------------------------------------------


@contextmanager
def missing_standby() -> Iterator[None]:
    """Let commits wait for a standby that is not there, where they are synchronous."""
    with psycopg.connect(
        database_url(), autocommit=True, options="-c synchronous_commit=off"
    ) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
        try:
            reload(admin, "missing")
            yield
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            reload(admin, "")


def reload(admin: psycopg.Connection[Any], names: str) -> None:
    """Let the server read its configuration, and return once a new session sees it."""
    admin.execute("SELECT pg_reload_conf()")

    def seen() -> bool:
        with outsider() as session:
            row = session.execute("SHOW synchronous_standby_names").fetchone()
        return row == (names,)

    wait_until(seen, "the configuration")


def waiting_for_standby() -> list[int]:
    with outsider() as session:
        rows = session.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE wait_event = 'SyncRep' AND datname = current_database()"
        )
        return [pid for (pid,) in rows.fetchall()]


def durably(call: Callable[[], "Answer"]) -> Callable[[], "Answer"]:
    """The call as on a server that commits synchronously, which the tests' own does not."""
    return with_option("options", "-c synchronous_commit=on", call)


def test_a_call_waits_for_no_missing_standby_and_is_settled_when_it_is_back(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with missing_standby():
        call = durably(lambda: api.hold(group, 2, "g-1"))
        answer, seconds = rivals.start(lambda: hurried(call)).result(PATIENCE)
        assert len(waiting_for_standby()) == 1
    wait_until(lambda: not waiting_for_standby(), "the commit")

    assert told(answer) == (503, "outcome_unknown")
    assert seconds < 3.5
    assert api.hold(group, 2, "g-1").status_code == 200
    assert effects() == [("g-1", "held")]


def test_a_commit_that_no_longer_waits_for_its_standby_is_an_unknown_outcome(
    group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    with missing_standby():
        call = rivals.start(durably(lambda: api.hold(group, 2, "g-1")))
        wait_until(waiting_for_standby, "the commit")
        with outsider() as admin:
            admin.execute("SELECT pg_cancel_backend(%s)", waiting_for_standby())
        answer = call.result(PATIENCE)

    assert told(answer) == (503, "outcome_unknown")
    assert api.hold(group, 2, "g-1").status_code == 200


@pytest.mark.parametrize("name", [*CALLS, "early release"])
def test_what_no_standby_has_is_confirmed_by_no_repeated_call_and_no_look_up(
    group: TicketGroup, api: Api, rivals: Rivals, name: str
) -> None:
    call = name.removeprefix("early ")
    if call == name:
        bring_about(api, group, call)
    called(call, api, group)
    before = effects()
    repeated = durably(lambda: called(call, api, group))
    with missing_standby():
        answer, _ = rivals.start(lambda: hurried(repeated)).result(PATIENCE)
    again = rivals.start(repeated).result(PATIENCE)

    assert told(answer) == (503, "unavailable" if call in LOOK_UPS else "outcome_unknown")
    assert again.status_code == 200
    assert effects() == before
