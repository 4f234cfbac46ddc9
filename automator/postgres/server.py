"""The embedded PostgreSQL server, which runs as a child of this process.

Its binaries come from a Python package. There is no daemon: the server ends with the process that
started it. It listens on a socket in its data folder, not on a port, and needs no password:
whoever can access the folder may connect. It runs on Linux only. Elsewhere, and in production,
DATABASE_URL names a server.

Three files are kept beside the data folder: `.lock`, which the process that owns the server locks;
`.users`, which the processes that joined it lock; and `.log`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from automator.postgres import cluster
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Account, Lock, child
from automator.postgres.sockets import PORT, SOCKET, socket_folder

SECONDS_TO_START = 60  # after a crash the log is replayed first
SECONDS_TO_RETRY = 15  # a server cannot start until the backends of a killed one have ended
SECONDS_TO_STOP = 20


class AlreadyRunning(PostgresError):
    """Another process owns the server of this data folder."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"Process {owner} is running the embedded PostgreSQL of this folder.")
        self.owner = owner


class Server:
    """A context manager that runs the server of a data folder, which it makes if necessary.

    It must be used in the main thread, since PostgreSQL ends with the thread that started it.

    Args:
        data: the data folder. Its parent folders are made as well.
        durable: False makes the server faster, but a crash of the machine can lose data; for
            tests.
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
        """Start the server, and return when it accepts connections.

        Raises:
            AlreadyRunning: another process owns the server.
            PostgresError: the server does not start.
        """
        with contextlib.ExitStack() as undo:
            with cluster.explained():
                self._own(undo)
                if not cluster.exists(self.data):
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
        """Stop the server, and release it to other processes. Open transactions are rolled back."""
        self._undo.close()

    @property
    def pid(self) -> int | None:
        """The process id of PostgreSQL, or None if it has ended."""
        if self._process and self._process.poll() is None:
            return self._process.pid
        return None

    def in_place(self) -> bool:
        """Whether the path still leads to the data folder that PostgreSQL was started in.

        While the folder is open, its inode number cannot be reused.
        """
        try:
            return os.path.samestat(os.fstat(self._folder), self.data.stat())
        except OSError:
            return False

    def restart_if_ended(self) -> bool:
        """Start PostgreSQL again if it has ended, and return whether it had.

        Raises:
            PostgresError: PostgreSQL does not start again, or its folder was removed or replaced;
                in the latter case it is stopped.
        """
        if not self.in_place():
            self._kill()
            raise PostgresError(
                f"The folder {self.data} was removed or replaced while PostgreSQL ran in it, so"
                " PostgreSQL was stopped. Run the same command again."
            )
        if self.pid:
            return False
        with cluster.explained():
            self._start()
        return True

    def _own(self, undo: contextlib.ExitStack) -> None:
        lock = Lock(cluster.beside(self.data, "lock"))
        undo.callback(lock.release)
        if not lock.take():
            raise AlreadyRunning(lock.holder())
        lock.sign()
        self._account = cluster.account_for(self.data)

    def _wait_for_a_former_server(self) -> None:
        """Wait until PostgreSQL has ended in all folders that were removed from this path.

        Raises:
            PostgresError: one is still running after SECONDS_TO_RETRY.
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
        """Start PostgreSQL, with retries while an older server shuts down."""
        locks = (self.data / "postmaster.pid", self.socket_folder / f"{SOCKET}.lock")
        cluster.drop_stale_locks(self.data, *locks)
        deadline = time.monotonic() + SECONDS_TO_RETRY
        while not self._started():
            reason = cluster.last_words(self.log.read_bytes())
            if cluster.beyond_repair(reason):
                raise PostgresError(
                    f"PostgreSQL does not start: {reason} (see {self.log}). To start again without"
                    f" these data, remove the folder {self.data.parent}."
                )
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not start: {reason} (see {self.log})")
            time.sleep(0.1)

    def _make_socket_folder(self, undo: contextlib.ExitStack) -> None:
        """Make the folder in /tmp, and refuse one that belongs to another user."""
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        account = self._account or Account(os.geteuid(), os.getegid())
        if self.socket_folder.lstat().st_uid not in {os.geteuid(), account.uid}:
            raise PostgresError(f"{self.socket_folder} belongs to another user.")
        os.chown(self.socket_folder, *account)
        undo.callback(self._remove_socket_folder)

    def _remove_socket_folder(self) -> None:
        if self.in_place():  # otherwise it may already belong to the next server
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _started(self) -> bool:
        """Start PostgreSQL once, and return False if it ends before it accepts connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [cluster.binaries() / "postgres", "-D", self.data, *self._options()],
                cwd="/",
                env=cluster.ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must reach only the owner, which then stops it
                preexec_fn=child(signal.SIGINT, self._account),  # noqa: PLW1509 -- there are no threads yet
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
        """Kill PostgreSQL so that none of its processes writes anything more.

        This is for a folder that is no longer in place. A shutdown would write the control file to
        the path of the folder and remove the socket there. Both may belong to another server by
        then.
        """
        if not self._process or not self.pid:
            return
        # If it were not stopped, it would restart the processes that are killed below.
        self._process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        # Some kernels lack that list. The processes then end by themselves.
        with contextlib.suppress(OSError):
            for pid in children.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        self._process.kill()
        self._process.wait()
