"""`make demo` as a whole: it starts anywhere, shares its database, and ends without a trace."""

import argparse
import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from automator.postgres import cluster
from automator.postgres.server import Server
from automator.postgres.sockets import socket_folder
from inventory.models import Broker
from tests.support.fixtures import Unchanged
from tests.support.programs import (
    CHECKOUT,
    PATIENCE,
    Program,
    free_port,
    processes_in,
    remove,
    wait_until,
)
from tests.support.rivals import database_url


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project once more, in a path with a space, with a .venv that is the tests' own."""
    folder = tmp_path_factory.mktemp("demo") / "a checkout"
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / "demo.stamp").touch()
    return folder


@pytest.fixture(autouse=True)
def nothing_stays(checkout: Path) -> Iterator[None]:
    """However a test ends, no process works in the checkout after it."""
    yield
    wait_until(lambda: not processes_in(checkout), "the end of every process")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


ONE_WORKER = {"WEB_CONCURRENCY": "1"}  # each takes a second to start


def demo(
    checkout: Path, port: int, *command: str, settings: Mapping[str, str] = ONE_WORKER
) -> Program:
    command = command or (sys.executable, "manage.py", "demo")
    return Program(*command, folder=checkout, environment={"PORT": str(port), **settings})


def manage(checkout: Path, *arguments: str, **environment: str) -> str:
    command = (sys.executable, "manage.py", *arguments)
    with Program(*command, folder=checkout, environment=environment) as program:
        assert program.end() == 0, program.output
    return program.output


def sql(checkout: Path, query: str) -> str:
    note, _, answer = manage(checkout, "dbshell", "--", "-Atc", query).partition("\n")
    assert note.startswith("Using the demo's database")
    return answer.strip()


def request(
    port: int, path: str, body: str | None = None, headers: Mapping[str, str] = {}
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST" if body else "GET", path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()


def ready(port: int) -> bool:
    return request(port, "/readyz")[0] == 200


def curl(line: str) -> tuple[str, str, dict[str, str]]:
    """What a printed curl line would send: the path, the body and the headers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-H", dest="headers", action="append")
    parser.add_argument("-d", dest="body")
    parser.add_argument("-iw")
    sent = parser.parse_args(shlex.split(line)[1:])
    return urlsplit(sent.url).path, sent.body, dict(pair.split(": ", 1) for pair in sent.headers)


def test_it_serves_until_it_is_told_to_stop(checkout: Path, port: int) -> None:
    """And meanwhile the printed call holds two seats, and a second demo is refused in one line."""
    with demo(checkout, port, settings={}) as program:
        assert f"http://127.0.0.1:{port}" in program.expect("Ready:")
        assert ready(port)

        status, answer = request(port, *curl(program.expect("/api/v1/holds -H")))
        assert status == 201
        assert json.loads(answer)["quantity"] == 2

        with demo(checkout, free_port()) as second:
            assert second.end() == 1
        assert second.output == (
            "CommandError: The demo of this folder is already running, as process "
            f"{program.process.pid}.\n"
        )

        program.process.send_signal(signal.SIGTERM)
        assert program.end() == 0
    assert "The data stays" in program.output
    assert processes_in(checkout) == []


def test_another_terminal_works_on_the_same_database(checkout: Path, port: int) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")
        sql(checkout, "CREATE TABLE kept AS SELECT 42 AS answer")
        program.process.send_signal(signal.SIGINT)
        assert program.end() == 0

    assert sql(checkout, "SELECT answer FROM kept") == "42"  # now on a server of its own
    with demo(checkout, port) as program:
        program.expect("Ready:")
        assert sql(checkout, "SELECT answer FROM kept; DROP TABLE kept") == "42\nDROP TABLE"


def test_a_killed_demo_takes_everything_with_it_and_starts_again(checkout: Path, port: int) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")
        program.process.kill()
    with demo(checkout, port) as program:
        program.expect("Ready:")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_make_is_the_end_of_the_demo(
    checkout: Path, port: int, signum: signal.Signals
) -> None:
    with demo(checkout, port, "make", "demo") as program:
        program.expect("Ready:")
        program.process.send_signal(signum)
        program.process.wait()

        wait_until(lambda: not processes_in(checkout), "the end of the demo")


def test_ctrl_c_reaches_the_whole_group_and_is_no_error(checkout: Path, port: int) -> None:
    with demo(checkout, port, "make", "demo") as program:
        program.expect("Ready:")
        os.killpg(program.process.pid, signal.SIGINT)
        program.end()
    assert "Traceback" not in program.output
    assert "Error" not in program.output


def test_a_killed_server_is_the_demos_end(checkout: Path, port: int) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")
        [gunicorn] = [
            int(pid)
            for pid in children(program.process.pid)
            if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(gunicorn, signal.SIGKILL)

        assert program.end() == 1
    assert "The server ended by itself (signal 9)" in program.output


def test_a_killed_postgres_is_started_again(checkout: Path, port: int) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")
        os.kill(cluster.state(checkout / ".demo" / "postgres")[0], signal.SIGKILL)
        program.expect("was started again")

        wait_until(lambda: ready(port), "an answer of the new server")


def test_it_ends_when_its_folder_is_removed_and_begins_anew_next_time(
    checkout: Path, port: int
) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")
        remove(checkout / ".demo")
        manage(checkout, "migrate", DEMO="1")

        assert program.end() == 1
    assert "was removed or replaced while PostgreSQL ran in it" in program.output
    assert "Traceback" not in program.output
    with demo(checkout, port) as program:
        program.expect("Made: 1 broker")
        program.expect("Ready:")


def test_it_waits_for_a_command_that_started_the_server(checkout: Path, port: int) -> None:
    wait = "import sys; print('here'); sys.stdout.flush(); sys.stdin.read()"
    shell = (sys.executable, "manage.py", "shell", "-c", wait)
    with Program(*shell, folder=checkout, environment={"DEMO": "1"}) as command:
        command.expect("here")
        with demo(checkout, port) as program:
            assert f"process {command.process.pid}," in program.expect("Waiting for")
            assert command.end() == 0
            program.expect("Ready:")


def test_a_demo_of_another_version_is_told_apart_in_one_line(checkout: Path, port: int) -> None:
    with demo(checkout, port) as program:
        program.expect("Ready:")

    def change_data(statement: str) -> None:
        data = checkout / ".demo" / "postgres"
        url = make_conninfo(host=str(socket_folder(data)), user="postgres", dbname="automator")
        with Server(data), psycopg.connect(url) as session:
            session.execute(statement)

    for change, undo, said in (
        (
            "INSERT INTO django_migrations VALUES (0, 'holds', '0099_gone', now())",
            "DELETE FROM django_migrations WHERE id = 0",
            "its migration holds.0099_gone is not in this code",
        ),
        (
            "UPDATE django_migrations SET app = 'x' || app WHERE app = 'inventory'",
            "UPDATE django_migrations SET app = 'inventory' WHERE app = 'xinventory'",
            "is applied before its dependency",
        ),
    ):
        change_data(change)
        with demo(checkout, port) as program:
            assert program.end() == 1
        change_data(undo)

        [line] = program.output.splitlines()
        assert line.startswith("CommandError: Another version of automator made the demo in ")
        assert said in line
        assert line.endswith("The data of the demo are lost.")


@pytest.mark.django_db(transaction=True)
def test_it_leaves_the_books_of_others_alone(
    checkout: Path, port: int, broker: Broker, unchanged: Unchanged
) -> None:
    environment = {"DATABASE_URL": database_url(), "PORT": str(port)}
    command = (sys.executable, "manage.py", "demo")
    with unchanged(), Program(*command, folder=checkout, environment=environment) as program:
        assert program.end() == 1

    assert program.output == (
        "CommandError: The database that DATABASE_URL names has brokers, but not that of the demo."
        " Unset DATABASE_URL for a demo with a database of its own.\n"
    )
    assert list(Broker.objects.all()) == [broker]


def test_a_port_in_use_is_named_in_one_line(checkout: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), demo(checkout, port) as program:
        assert program.end() == 1

    assert program.output == (
        f"CommandError: Port {port} cannot be used (Address already in use)."
        " For another: PORT=8001 make demo\n"
    )


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("arguments", [[], ["help"], ["migrate", "--help"], ["check"]])
def test_a_command_without_data_starts_no_server(checkout: Path, arguments: list[str]) -> None:
    log = checkout / ".demo" / "postgres.log"
    before = log.stat().st_mtime_ns if log.exists() else 0
    manage(checkout, *arguments)
    assert (log.stat().st_mtime_ns if log.exists() else 0) == before


def test_make_names_what_is_missing_in_one_line(tmp_path: Path, checkout: Path) -> None:
    shutil.copy(checkout / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\ncase "$2" in *platform*) echo 3.9.2;; *) exit 1;; esac\n')
    old.chmod(0o755)

    done = subprocess.run(
        ["make", "demo", "PYTHON=./python3.9"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    [message, _] = done.stderr.splitlines()  # the other is make's own
    assert re.fullmatch(
        r"automator needs Python 3\.11 or newer; \./python3\.9 is 3\.9\.2\..*", message
    )
