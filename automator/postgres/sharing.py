"""Shares one embedded server between commands that run at the same time.

The command that starts the server owns it, and others join it. The owner stops the server only when
they have ended.
"""

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from automator.postgres import cluster
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Lock, Terminated, exit_on
from automator.postgres.server import SECONDS_TO_START, AlreadyRunning, Server
from automator.postgres.sockets import SOCKET, socket_folder


@contextlib.contextmanager
def serving(data: Path) -> Iterator[None]:
    """Provide a server during a command, by joining the one that is running or starting one.

    The command that started the server waits at its end for the commands that joined it.

    Raises:
        PostgresError: no server is running, and none can be started.
    """
    exit_on(signal.SIGTERM, signal.SIGHUP)
    with contextlib.ExitStack() as held:
        deadline = time.monotonic() + SECONDS_TO_START
        while not _joined_or_started(data.resolve(), held):
            if time.monotonic() > deadline:
                raise PostgresError(f"The server of {data} does not respond.")
            time.sleep(0.05)
        yield


def _joined_or_started(data: Path, held: contextlib.ExitStack) -> bool:
    """Try once to join or start the server, and add the cleanup to the stack `held`."""
    with contextlib.ExitStack() as undo:
        with cluster.explained():
            users = Lock(cluster.beside(data, "users"))
        undo.callback(users.release)
        try:
            undo.enter_context(Server(data))
        except AlreadyRunning:
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
    """Wait until no other command uses the server, and keep new ones out while it stops."""
    if users.take():
        return
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        exit_on(signal.SIGTERM, signal.SIGHUP)  # a second signal ends the wait
        sys.stderr.write(
            "Another command still uses the database. Ctrl-C stops the database anyway.\n"
        )
        users.take(wait=True)
