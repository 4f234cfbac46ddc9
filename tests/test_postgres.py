"""The embedded PostgreSQL: starts anywhere, keeps its data, and never outlives its owner."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from automator.postgres import cluster
from automator.postgres.processes import Account
from automator.postgres.server import AlreadyRunning, Server
from automator.postgres.sockets import PORT, socket_folder
from tests.support.programs import Program, alive, remove, wait_until

# Holds a server until its input ends. The second argument is the user to become first.
OWNER = """
import sys, time
from pathlib import Path
from automator.postgres import processes
from automator.postgres.server import Server
if sys.argv[2:]:
    processes._become(processes.Account(int(sys.argv[2]), int(sys.argv[3])))
print("starting", flush=True)
with Server(Path(sys.argv[1]), durable=False) as server:
    print("postgres", server.pid, flush=True)
    sys.stdin.read()
"""
COMMAND = """
import sys
from pathlib import Path
from automator.postgres.sharing import serving
with serving(Path(sys.argv[1])):
    print("serving", flush=True)
    sys.stdin.read()
print("over", flush=True)
"""


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for a socket in it."""
    return tmp_path_factory.mktemp("data") / "with a space" / "postgres"


@pytest.fixture
def others() -> Iterator[ExitStack]:
    """Programs that end with the test."""
    with ExitStack() as stack:
        yield stack


def ask(data: Path, query: str) -> list[tuple[object, ...]]:
    host = str(socket_folder(data))
    with psycopg.connect(host=host, port=PORT, user="postgres", dbname="automator") as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def postmaster(program: Program) -> int:
    return int(program.expect("postgres ").split()[1])


def account_of(data: Path) -> Account:
    return Account(data.stat().st_uid, data.stat().st_gid)


def test_a_new_folder_becomes_an_empty_utf8_database(data: Path) -> None:
    with Server(data, durable=False):
        [row] = ask(
            data,
            "SELECT current_user, current_setting('server_encoding'),"
            " current_setting('TimeZone'), lower('Ä') FROM pg_database WHERE datname = 'automator'",
        )

    assert row == ("postgres", "UTF8", "UTC", "ä")


def test_it_listens_on_a_private_socket_and_nowhere_else(data: Path) -> None:
    with Server(data, durable=False):
        assert ask(data, "SHOW listen_addresses") == [("",)]
        assert (data / f".s.PGSQL.{PORT}").stat().st_mode & 0o777 == 0o700
        assert data.stat().st_mode & 0o777 == data.parent.stat().st_mode & 0o777 == 0o700


def test_it_keeps_its_data_and_leaves_no_process(data: Path) -> None:
    with Server(data, durable=False) as server:
        first = server.pid
        ask(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert first
    assert not alive(first)

    with Server(data, durable=False):
        assert ask(data, "SELECT answer FROM kept") == [(42,)]


@pytest.mark.parametrize("name", ["x" * 101, 'a,"b"'])
def test_a_path_that_no_socket_may_have_gets_one_elsewhere(tmp_path: Path, name: str) -> None:
    data = tmp_path / name / "postgres"
    folder = socket_folder(data)

    with Server(data, durable=False):
        assert ask(data, "SELECT 1") == [(1,)]
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not folder.is_relative_to(tmp_path)
    assert not folder.exists()


def test_a_second_owner_is_told_who_the_first_is(data: Path) -> None:
    with Server(data, durable=False), pytest.raises(AlreadyRunning, match=str(os.getpid())):
        Server(data).__enter__()


def test_a_folder_with_something_else_is_left_alone(data: Path) -> None:
    data.mkdir(parents=True)
    (data / "mine").touch()

    with pytest.raises(cluster.PostgresError, match="not empty"):
        Server(data, durable=False).__enter__()

    assert [path.name for path in data.iterdir()] == ["mine"]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_owner_and_starts_again_at_once(
    data: Path, signum: signal.Signals
) -> None:
    with Program.python(OWNER, data) as owner:
        first = postmaster(owner)
        owner.process.send_signal(signum)
        owner.end()
    with Program.python(OWNER, data) as owner:
        second = postmaster(owner)
        wait_until(lambda: not alive(first), "the end of the first server")
        assert owner.end() == 0

    assert not alive(second)


def test_an_owner_killed_while_it_makes_the_cluster_leaves_nothing_in_the_way(data: Path) -> None:
    with Program.python(OWNER, data) as owner:
        wait_until(lambda: list(data.parent.glob("*.new-*/base")), "a half-made cluster")
        owner.process.send_signal(signal.SIGKILL)
        owner.end()
    assert not data.exists()

    with Server(data, durable=False):
        assert ask(data, "SELECT 1") == [(1,)]

    assert not list(data.parent.glob("*.new-*"))


def test_a_killed_server_is_started_again_with_its_data(data: Path) -> None:
    with Server(data) as server:
        ask(data, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert not server.restart_if_ended()
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.pid, "the end of the killed server")

        assert server.restart_if_ended()
        assert ask(data, "SELECT answer FROM kept") == [(42,)]


def test_a_folder_replaced_under_its_server_is_not_written_to(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "postgres"
    with Server(other):
        ask(other, "CREATE TABLE kept AS SELECT 42 AS answer")
    with Program.python(OWNER, data) as owner:
        first = postmaster(owner)
        remove(data)
        other.rename(data)
        assert owner.end() == 0
    assert not alive(first)

    with Server(data):
        assert ask(data, "SELECT answer FROM kept") == [(42,)]


def test_no_cluster_is_made_where_the_server_of_a_removed_one_still_runs(
    data: Path, others: ExitStack
) -> None:
    with Program.python(OWNER, data) as owner:
        first = postmaster(owner)
        os.kill(first, signal.SIGSTOP)  # or it may fail over its missing files and end by itself
        remove(data.parent)
        next_one = others.enter_context(Program.python(COMMAND, data))
        assert f"process {first}," in next_one.expect("Waiting for the end of")
        assert owner.end() == 0
        next_one.expect("serving")

    assert next_one.end() == 0
    with Server(data):
        assert ask(data, "SELECT 1") == [(1,)]


def test_an_owner_notices_that_its_folder_is_gone(data: Path) -> None:
    with Server(data, durable=False) as server:
        first = server.pid
        assert first
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        remove(data)

        with pytest.raises(cluster.PostgresError, match="was removed or replaced"):
            server.restart_if_ended()
        assert server.pid is None
        wait_until(lambda: not any(alive(int(pid)) for pid in children), "the end of its processes")

    assert len(children) > 3
    assert not data.exists()


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ("pg_wal", "PANIC: .*could not locate a valid checkpoint record"),
        ("PG_VERSION", "FATAL: .*database files are incompatible with server"),
    ],
)
def test_data_that_no_server_starts_on_are_named_with_what_to_do(
    data: Path, damaged: str, said: str
) -> None:
    with Server(data, durable=False):
        pass
    if damaged == "pg_wal":
        for segment in (data / "pg_wal").glob("0*"):
            segment.unlink()
    else:
        (data / "PG_VERSION").write_text("11\n")

    with pytest.raises(cluster.PostgresError) as raised:
        Server(data, durable=False).__enter__()

    assert re.search(f"{said}.*remove the folder {re.escape(str(data.parent))}", str(raised.value))
    assert "\n" not in str(raised.value)


def test_lock_files_whose_number_is_another_programs_are_dropped(data: Path) -> None:
    with Server(data, durable=False) as server:
        assert server.pid
        locks = {path: path.read_text() for path in data.glob("*.pid")}
        locks |= {path: path.read_text() for path in data.glob(".*.lock")}
        pid = server.pid
    account = account_of(data)
    # PostgreSQL lets a number count only if the process is one of its own user.
    drop = {"user": account.uid, "group": account.gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **drop) as other:  # type: ignore[call-overload]
        for path, text in locks.items():
            path.write_text(text.replace(str(pid), str(other.pid), 1))
            shutil.chown(path, *account)

        with Server(data, durable=False):
            assert ask(data, "SELECT 1") == [(1,)]
        other.kill()

    assert len(locks) == 2


def test_a_command_waits_for_those_that_joined_its_server(data: Path, others: ExitStack) -> None:
    with Program.python(COMMAND, data) as first:
        first.expect("serving")
        second = others.enter_context(Program.python(COMMAND, data))
        second.expect("serving")
        first.hang_up()
        first.expect("Another command still uses the database")
        assert ask(data, "SELECT 1") == [(1,)]

        assert second.end() == 0
        wait_until(lambda: first.process.poll() == 0, "the end of the first command")
        assert cluster.state(data) == (0, "")


def test_a_command_that_is_told_twice_stops_at_once(data: Path, others: ExitStack) -> None:
    with Program.python(COMMAND, data) as first:
        first.expect("serving")
        second = others.enter_context(Program.python(COMMAND, data))
        second.expect("serving")
        first.process.send_signal(signal.SIGTERM)
        first.expect("Another command still uses the database")
        first.process.send_signal(signal.SIGTERM)

        wait_until(lambda: first.process.poll() == 128 + signal.SIGTERM, "the end of the command")
        assert cluster.state(data) == (0, "")


def test_commands_take_turns_without_a_gap(data: Path, others: ExitStack) -> None:
    """Many at once, none of which may meet a server that is just stopping."""
    commands = [others.enter_context(Program.python(COMMAND, data)) for _ in range(6)]
    for command in commands:
        command.hang_up()

    for command in commands:
        command.expect("over")


@pytest.mark.parametrize("account", [(), (65534, 65534)] if os.geteuid() == 0 else [()])
def test_it_runs_for_root_and_for_others(tmp_path: Path, account: tuple[int, ...]) -> None:
    """A normal user owns everything; root's server is never root's."""
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    if account:
        for folder in (tmp_path, mine):
            os.chown(folder, *account)
    with Program.python(OWNER, mine / "postgres", *account) as owner:
        pid = postmaster(owner)
        status = Path(f"/proc/{pid}/status").read_text()
        assert owner.end() == 0

    [uid] = re.findall(r"^Uid:\t(\d+)", status, re.MULTILINE)
    assert int(uid) == (mine / "postgres").stat().st_uid != 0
    if account:
        assert (mine / "postgres.lock").stat().st_uid == account[0]


def test_programs_in_a_folder_closed_to_others_run_all_the_same(tmp_path: Path) -> None:
    """As root, whose PostgreSQL is another user's; the checkout may lie below /root."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = cluster.binaries().parent.parent
    for folder in package.parent.glob(f"{package.name}*"):  # the libraries stand beside it
        shutil.copytree(folder, private / folder.name)

    with Program.python(OWNER, private / "a" / "postgres", PYTHONPATH=str(private)) as owner:
        assert str(private).encode() in Path(f"/proc/{postmaster(owner)}/cmdline").read_bytes()
        assert owner.end() == 0

    assert private.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(private)  # as large as PostgreSQL


def test_the_first_of_several_signals_counts_and_the_others_do_not_disturb() -> None:
    script = """
import os, signal
from automator.postgres.processes import exit_on
exit_on(signal.SIGTERM, signal.SIGINT)
try:
    os.kill(os.getpid(), signal.SIGTERM)
finally:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("closed", flush=True)
"""
    with Program.python(script) as program:
        program.expect("closed")
        assert program.end() == 128 + signal.SIGTERM


def test_a_child_whose_parent_is_gone_already_ends_too() -> None:
    script = """
import os, signal, time
from automator.postgres.processes import end_with_parent
end_with_parent(signal.SIGTERM, os.getppid() + 1)
time.sleep(60)
"""
    with Program.python(script) as program:
        assert program.end() == -signal.SIGTERM
