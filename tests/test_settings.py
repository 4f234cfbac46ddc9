"""Settings: one reader of the environment, which says everything that is wrong at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from automator.environment import Environment
from inventory.models import TicketGroup
from tests.support.programs import CHECKOUT

PRODUCTION = {
    "DATABASE_URL": "postgresql://automator:s3cret@db.example.com/automator",
    "SECRET_KEY": "known to these tests alone, and to nobody's production",
    "ALLOWED_HOSTS": "tickets.example.com",
    "PROXY_HOPS": "1",
}
READ = """
import json
from automator import settings
print(json.dumps({name: value for name, value in vars(settings).items() if name.isupper()},
      default=str))
"""


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A program with these variables and none of the tests' own."""
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def read(**environment: str) -> dict[str, Any]:
    """The settings that an environment makes."""
    done = run("-W", "error", "-c", READ, **environment)
    assert done.returncode == 0, done.stderr
    settings: dict[str, Any] = json.loads(done.stdout)
    return settings


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the settings in a clean clone: this checkout may be set up for production."""
    shutil.copytree(CHECKOUT / "automator", tmp_path / "automator")
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "CHECKOUT", tmp_path)


def complaints(**environment: str) -> list[str]:
    """What a start with an environment says in the end."""
    done = run("-c", "import automator.settings", **environment)
    assert done.returncode == 1
    _, _, said = done.stderr.partition("automator does not start with these settings:\n")
    return [line.removeprefix("  - ") for line in said.splitlines()]


def database(url: str) -> dict[str, Any]:
    """What the reader makes of a good URL."""
    env = Environment({"DATABASE_URL": url})
    found = env.database("DATABASE_URL")
    env.report()
    return found


def complaint(url: str) -> str:
    """The one thing that the reader says of a bad URL."""
    env = Environment({"DATABASE_URL": url})
    env.database("DATABASE_URL")
    (said,) = env.errors
    return said


def test_three_variables_and_the_proxy_make_production() -> None:
    settings = read(**PRODUCTION)

    assert settings["DEMO"] is settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["tickets.example.com"]
    assert settings["EMBEDDED_POSTGRES"] is None
    assert settings["DATABASES"]["default"]["HOST"] == "db.example.com"
    assert settings["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert settings["SECURE_SSL_REDIRECT"] is True


def test_statements_are_prepared_unless_the_setting_forbids_it() -> None:
    for value, prepares in (("", True), ("0", False)):
        options = read(**PRODUCTION, PREPARED_STATEMENTS=value)["DATABASES"]["default"]["OPTIONS"]
        assert options["prepared_statements"] is prepares


def test_cookies_of_production_are_bound_to_host_and_https() -> None:
    settings = read(**PRODUCTION)

    for cookie in ("SESSION", "CSRF"):
        assert settings[f"{cookie}_COOKIE_NAME"].startswith("__Host-")
        assert settings[f"{cookie}_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_HTTPONLY"] is True


def test_no_variable_at_all_makes_a_demo_on_this_machine(clone: None) -> None:
    settings = read()

    assert settings["DEMO"] is True
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert settings["EMBEDDED_POSTGRES"]
    assert settings["HOST"] == "127.0.0.1"
    assert len(settings["SECRET_KEY"]) >= 50
    assert read()["SECRET_KEY"] == settings["SECRET_KEY"], "log-ins outlive a restart"


def test_a_variable_that_is_empty_counts_as_unset(clone: None) -> None:
    assert read(DEMO="", DATABASE_URL="", PORT="", DEBUG="") == read()


def test_everything_that_is_missing_is_named_at_once() -> None:
    said = complaints(DEMO="0")

    assert [line.split()[0] for line in said] == ["DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS"]
    assert all("is missing" in line for line in said)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    said = complaints(
        DEMO="perhaps",
        DATABASE_URL="mysql://db.example.com/automator",
        SECRET_KEY="short",
        ALLOWED_HOSTS="*",
        DEBUG="1",
        PORT="http",
        WEB_THREADS="0",
        PROXY_HOPS="-1",
        LOG_LEVEL="loud",
        CSRF_TRUSTED_ORIGINS="tickets.example.com",
    )

    assert sorted({line.split()[0] for line in said}) == [
        *("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG=1", "DEMO", "LOG_LEVEL"),
        *("PORT", "PROXY_HOPS", "SECRET_KEY", "WEB_THREADS"),
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", "too-short"),
        ("SECRET_KEY", "ab" * 40),
        ("SECRET_KEY", "django-insecure-" + PRODUCTION["SECRET_KEY"]),
        ("SECRET_KEY_FALLBACKS", PRODUCTION["SECRET_KEY"] + ",old"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "tickets.example.com,*"),
        ("ALLOWED_HOSTS", "https://tickets.example.com"),
        ("ALLOWED_HOSTS", "tickets.example.com:443"),
        ("DEBUG", "true"),
        ("DATABASE_URL", "postgresql://db.example.com"),
        ("PORT", "8000x"),
        ("PORT", "99999"),
        pytest.param("PORT", "9" * 5000, id="PORT-longer than Python reads"),
    ],
)
def test_unsafe_set_does_not_start(variable: str, value: str) -> None:
    (said,) = complaints(**{**PRODUCTION, variable: value})

    assert said.startswith(variable)


def test_gunicorn_does_not_start_with_an_unsafe_set() -> None:
    done = run(
        *("-m", "gunicorn", "-c", "python:automator.gunicorn", "automator.wsgi"),
        **{**PRODUCTION, "ALLOWED_HOSTS": "*"},
    )

    assert done.returncode != 0
    assert "ALLOWED_HOSTS must name hosts" in done.stderr
    assert PRODUCTION["SECRET_KEY"] not in done.stderr


def test_command_says_what_is_wrong_without_a_traceback() -> None:
    done = run("manage.py", "check", DEMO="0")

    assert done.returncode == 1
    assert done.stderr.startswith("automator does not start with these settings:\n  - DATABASE_URL")
    assert "Traceback" not in done.stderr


def test_good_production_set_passes_the_deployment_check_without_a_warning() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (
            "postgresql://user:p%40ss%2Fw%3Ard@db.example.com:5433/automator",
            {"USER": "user", "PASSWORD": "p@ss/w:rd", "HOST": "db.example.com", "PORT": "5433"},
        ),
        ("postgres:///automator?host=/var/run/postgresql", {"HOST": "/var/run/postgresql"}),
        ("postgresql://%2Fvar%2Frun%2Fpg/automator", {"HOST": "/var/run/pg"}),
        ("postgresql://a,b:5433/automator", {"HOST": "a,b", "PORT": ",5433"}),
        ("postgresql://[::1]:5433/automator", {"HOST": "::1", "PORT": "5433"}),
        ("host=db user=u dbname=automator", {"HOST": "db", "USER": "u"}),
        (
            "postgresql://a,b/automator?target_session_attrs=read-write&sslmode=verify-full",
            {"OPTIONS": {"target_session_attrs": "read-write", "sslmode": "verify-full"}},
        ),
    ],
)
def test_database_url_takes_what_libpq_takes(url: str, parts: dict[str, Any]) -> None:
    found = database(url)

    assert found["NAME"] == "automator"
    assert parts.items() <= found.items()


def test_service_file_may_name_the_database() -> None:
    assert database("postgresql://?service=automator")["OPTIONS"] == {"service": "automator"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2secret@db.example.com/automator?sslmod=require",
        "postgresql://user:hunter2secret%zz@db.example.com/automator",
        "postgresql://user:hunter2secret@[::1/automator",
        "postgresql://user:hunter2secret@db.example.com:x/automator",
        "postgresql://user:hunter2secret@db.example.com/",
        "postgresql:/user:hunter2secret@db.example.com/automator",
        "user:hunter2secret@db.example.com",
        'user:"hunter2secret"',
        "dbname=automator password='hunter2secret",
        "hunter2secret\nhunter2secret",
    ],
)
def test_bad_database_url_is_explained_without_its_password(url: str) -> None:
    said = complaint(url)

    assert said.startswith("DATABASE_URL ")
    assert "hunter2secret" not in said
    assert "\n" not in said


def test_options_of_the_url_win_over_ours() -> None:
    url = f"{PRODUCTION['DATABASE_URL']}?connect_timeout=9"
    options = read(**{**PRODUCTION, "DATABASE_URL": url})["DATABASES"]["default"]["OPTIONS"]

    assert options["connect_timeout"] == "9"
    assert options["tcp_user_timeout"] == 3000


@pytest.mark.django_db(transaction=True)
def test_transactions_read_committed_whatever_the_role_says(group: TicketGroup) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        with TicketGroup.objects.locked_by_id(group.id):
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("read committed",)
        cursor.execute("RESET default_transaction_isolation")


@pytest.mark.parametrize(
    ("value", "meaning"),
    [("1", True), ("TRUE", True), ("on", True), ("0", False), ("No", False), ("off", False)],
)
def test_switches_are_words_or_digits(value: str, *, meaning: bool) -> None:
    assert Environment({"X": value}).boolean("X", default=not meaning) is meaning


def test_lists_are_separated_by_commas() -> None:
    assert Environment({"X": " a, b ,,c"}).words("X") == ["a", "b", "c"]
    assert Environment({}).words("X") == []


def test_nothing_is_said_of_a_good_environment() -> None:
    env = Environment({"X": "5"})

    assert env.number("X", 1, least=1, most=5) == 5
    env.report()


def test_report_raises_with_a_line_for_each_error() -> None:
    env = Environment({"X": "6"})
    env.number("X", 1, least=1, most=5)
    env.boolean("X", default=False)

    with pytest.raises(ImproperlyConfigured, match=r"  - X must be a whole .*\n  - X must be 1 or"):
        env.report()
