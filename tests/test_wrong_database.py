"""A command that lost its environment, or cannot use its database, says so in one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo
from pytest_django import DjangoDbBlocker

from tests.support.programs import CHECKOUT
from tests.support.rivals import database_url
from tests.test_settings import PRODUCTION

COMMANDS = [
    ["migrate"],
    ["check", "--database", "default"],
    ["create_broker", "Harbor Lane Tickets"],
    ["create_api_key", "Harbor Lane Tickets"],
    ["revoke_api_key", "abc"],
    ["import_inventory", "Harbor Lane Tickets", "README.md"],
    ["export_inventory", "Harbor Lane Tickets"],
    ["expire_holds", "--every", "30"],
    ["audit_inventory"],
    ["createsuperuser"],
    ["shell", "-c", "pass"],
    ["dbshell"],
]
GUNICORN = ["-m", "gunicorn", "-c", "python:automator.gunicorn", "automator.wsgi"]
GUEST = "automator_guest"


def copied(folder: Path) -> Path:
    """The project once more, as a clone has it, in a folder that is not there yet."""
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of a test's own."""
    return copied(tmp_path / "a checkout")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which no demo is made."""
    return copied(tmp_path_factory.mktemp("clean") / "a checkout")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up for production by the commands of the README."""
    folder = copied(tmp_path_factory.mktemp("production") / "a checkout")
    for command in (["check", "--deploy"], ["collectstatic", "--no-input"]):
        assert run(folder, "manage.py", *command, **PRODUCTION).returncode == 0
    return folder


def run(checkout: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A program of a checkout, with these variables and none of the tests' own."""
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_command_makes_a_database_without_being_asked(clean: Path, command: list[str]) -> None:
    done = run(clean, "manage.py", *command)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"DATABASE_URL is not set, and there is no demo in {clean}/.demo. Set DATABASE_URL, or"
        " run make demo first, or set DEMO=1 for a demo without its data.\n"
    )
    assert not (clean / ".demo" / "postgres").exists()


@pytest.mark.parametrize("command", [["migrate"], ["audit_inventory"], ["check"]], ids=" ".join)
def test_checkout_set_up_for_production_never_falls_back_to_a_demo(
    production: Path, command: list[str]
) -> None:
    done = run(production, "manage.py", *command)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "DATABASE_URL is not set, and this checkout is set up for production: collectstatic made"
        f" the folder {production}/.staticfiles. Set DATABASE_URL, or set DEMO=1 to run a demo"
        " anyway.\n"
    )
    assert not (production / ".demo").exists()


def test_checkout_set_up_for_production_works_with_its_environment(production: Path) -> None:
    assert run(production, "manage.py", "check", **PRODUCTION).returncode == 0


def test_checkout_set_up_for_production_serves_a_demo_to_who_asks_for_it(production: Path) -> None:
    assert run(production, "manage.py", "check", DEMO="1").returncode == 0

    shutil.rmtree(production / ".demo")


def test_gunicorn_serves_no_demo_without_being_asked(clean: Path, production: Path) -> None:
    for folder in (clean, production):
        done = run(folder, *GUNICORN)

        assert done.returncode != 0
        assert "DATABASE_URL is not set" in done.stderr
        assert not (folder / ".demo" / "postgres").exists()


def test_command_beside_a_demo_names_its_database_on_standard_error(checkout: Path) -> None:
    hello = ["manage.py", "shell", "-v", "0", "-c", "print('hello')"]
    for environment in ({"DEMO": "1"}, {}):
        done = run(checkout, *hello, **environment)

        assert (done.returncode, done.stdout) == (0, "hello\n")
        assert done.stderr == (
            f"Using the demo's database in {checkout}/.demo (DATABASE_URL is not set).\n"
        )


def test_migrations_are_checked_in_a_clean_checkout(checkout: Path) -> None:
    done = run(checkout, "manage.py", "makemigrations", "--check", "--dry-run")

    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_folder_that_may_not_be_used_is_named_in_one_line(checkout: Path) -> None:
    (checkout / ".demo").touch()  # root may use every folder
    done = run(checkout, "manage.py", "migrate")

    assert done.returncode == 1
    assert done.stderr == (
        f"The demo's folder {checkout}/.demo cannot be used (File exists). Run this command as"
        " the user who owns it, remove it to start a new demo, or set DATABASE_URL.\n"
    )


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_folder_that_may_not_be_used_is_one_line_also_where_no_key_is_made(
    checkout: Path, command: str
) -> None:
    (checkout / ".demo").touch()
    done = run(checkout, "manage.py", command, SECRET_KEY=PRODUCTION["SECRET_KEY"])

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "cannot" in line
    assert str(checkout / ".demo") in line


@pytest.fixture(scope="module")
def empty(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The URL of an empty database, in which nobody but its owner may make anything."""
    with django_db_blocker.unblock():
        server = psycopg.connect(database_url(), autocommit=True)
        name = f"{connection.settings_dict['NAME']}_empty"
        url = make_conninfo(database_url(), dbname=name)
    server.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
    server.execute(f"DROP ROLE IF EXISTS {GUEST}".encode())
    server.execute(f'CREATE DATABASE "{name}"'.encode())
    server.execute(f"CREATE ROLE {GUEST} LOGIN".encode())
    yield url
    server.execute(f'DROP DATABASE "{name}"'.encode())
    server.execute(f"DROP ROLE {GUEST}".encode())
    server.close()


@pytest.mark.parametrize(
    ("command", "where", "said"),
    [
        (
            ["migrate", "--skip-checks"],
            {"user": GUEST},
            "permission denied for schema public. The user must own",
        ),
        (["create_broker", "B"], {}, "does not exist. Run manage.py migrate."),
        (["audit_inventory"], {}, "does not exist"),
        (["expire_holds"], {}, "does not exist"),
        (["export_inventory", "B"], {"dbname": "nowhere"}, 'database "nowhere" does not exist'),
        (["migrate"], {"user": "nobody_at_all"}, 'role "nobody_at_all" does not exist'),
        (["create_api_key", "B"], {"host": "/nowhere"}, "No such file or directory"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_database_that_cannot_be_used_is_one_line(
    empty: str, command: list[str], where: dict[str, str], said: str
) -> None:
    url = make_conninfo(empty, **where)
    done = run(CHECKOUT, "manage.py", *command, DEMO="1", DATABASE_URL=url)

    assert done.returncode == (2 if command == ["audit_inventory"] else 1)
    assert done.stderr.removeprefix("CommandError: ").startswith("The database cannot be used: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_extension_that_may_not_be_made_is_one_line(empty: str) -> None:
    with psycopg.connect(empty) as owner:
        owner.execute(f"GRANT ALL ON SCHEMA public TO {GUEST}".encode())
    url = make_conninfo(empty, user=GUEST)
    done = run(CHECKOUT, "manage.py", "migrate", "--skip-checks", DEMO="1", DATABASE_URL=url)
    with psycopg.connect(empty) as owner:
        owner.execute(f"DROP OWNED BY {GUEST}".encode())

    assert done.returncode == 1
    assert done.stderr == (
        'The database cannot be used: permission denied to create extension "btree_gist".'
        " The user must own the database.\n"
    )


def test_traceback_is_there_for_who_asks(empty: str) -> None:
    url = make_conninfo(empty, dbname="nowhere")
    done = run(CHECKOUT, "manage.py", "migrate", "--traceback", DEMO="1", DATABASE_URL=url)

    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
