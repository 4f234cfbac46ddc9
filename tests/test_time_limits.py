"""Every call's transaction is limited in time, and a system check reads the limits back."""

import sys
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connection

from automator import system_checks
from holds import locked_reads
from holds import services as holds
from inventory.database.trips import Statement
from inventory.models import Caller, TicketGroup
from inventory.transactions import TIME_LIMITS, short_transaction
from tests.support.fixtures import BringTo
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE, Program
from tests.support.rivals import Rivals, before, database_url

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "4s",
    "idle_in_transaction_session_timeout": "5s",
    "client_connection_check_interval": "1s",
}


def in_force() -> dict[str, str]:
    with connection.cursor() as cursor:
        return {name: shown(cursor, name) for name in (*LIMITS, "transaction_isolation")}


def shown(cursor: Any, name: str) -> str:
    cursor.execute(f"SHOW {name}")
    return str(cursor.fetchone()[0])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was in force in the transactions of calls, when they looked at their group."""
    limits: list[dict[str, str]] = []
    for look in ("_situation", "clock"):
        before(monkeypatch, locked_reads, look, lambda: limits.append(in_force()))
    return limits


def test_a_call_has_its_limits_and_leaves_none_behind(
    api: Api, group: TicketGroup, seen: list[dict[str, str]]
) -> None:
    usual = in_force()

    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    api.release("unknown")

    assert seen == [{**LIMITS, "transaction_isolation": "read committed"}] * 3
    assert in_force() == usual
    assert not set(usual.values()) & {"2s", "4s", "5s"}


def test_the_sweep_has_them_too(bring_to: BringTo, seen: list[dict[str, str]]) -> None:
    bring_to("overdue")
    seen.clear()

    assert holds.expire(batch=1, caller=Caller("command expire_holds")) == 1
    assert seen == [{**LIMITS, "transaction_isolation": "read committed"}]


def test_a_lock_is_waited_for_no_longer_than_two_seconds_in_all() -> None:
    limit_while_locking = Statement("shown", "SELECT current_setting('statement_timeout')")

    with short_transaction(limit_while_locking()) as [[(limit,)]]:
        assert limit == TIME_LIMITS["lock_timeout"] == "2s"


def test_a_servers_other_isolation_level_is_not_taken_over(
    api: Api, group: TicketGroup, rivals: Rivals, seen: list[dict[str, str]]
) -> None:
    level = "-c default_transaction_isolation=serializable"

    def call() -> int:
        settings = connection.settings_dict
        options = {**settings["OPTIONS"], "options": level}
        connection.settings_dict = {**settings, "OPTIONS": options}
        return api.hold(group, 2, "g-1").status_code

    assert rivals.start(call).result(PATIENCE) == 201
    assert seen[0]["transaction_isolation"] == "read committed"


def asked(*databases: str) -> list[CheckMessage]:
    return [each for each in run_checks(databases=databases) if "automator." in (each.id or "")]


def errors() -> list[tuple[str | None, str]]:
    return [(each.id, each.msg) for each in asked("default") if each.is_serious()]


def test_the_check_finds_no_error() -> None:
    assert errors() == []
    assert asked() == []


def test_the_check_finds_a_limit_that_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIME_LIMITS, "lock_timeout", "3s")

    message = "In a call's transaction lock_timeout is 2s, not 3s."
    assert errors() == [("automator.E002", message)]


def test_the_check_finds_a_server_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        version = int(shown(cursor, "server_version_num")) // 10_000
    monkeypatch.setattr(system_checks, "OLDEST", version + 1)

    assert errors() == [("automator.E001", f"The server is PostgreSQL {version}.")]


def test_the_check_finds_another_isolation_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_checks, "ISOLATION", "serializable")

    message = "A call's transaction is read committed, not serializable."
    assert errors() == [("automator.E003", message)]


def test_the_check_warns_of_commits_that_are_not_durable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    found = [(each.id, each.msg) for each in asked("default") if not each.is_serious()]
    with connection.cursor() as cursor:
        cursor.execute("RESET synchronous_commit")

    message = "synchronous_commit is off: a crash can lose calls that were answered."
    assert ("automator.W001", message) in found


def test_the_check_runs_from_the_command_line() -> None:
    environment = {"DATABASE_URL": database_url(), "DEMO": "1"}
    environment["PGOPTIONS"] = "-c synchronous_commit=off"
    arguments = ("check", "--database", "default", "--fail-level", "WARNING")
    with Program(sys.executable, "manage.py", *arguments, environment=environment) as check:
        assert check.end() == 1

    assert "(automator.W001) synchronous_commit is off" in check.output
    assert "automator.E" not in check.output
