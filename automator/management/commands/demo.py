"""Serves the demo: starts the database, makes the data and runs the server."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, connection, connections
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader

from automator.demo import data as demo
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Lock, Terminated, child, end_with_parent, exit_on
from automator.postgres.server import AlreadyRunning, Server
from inventory.database_errors import first_line
from inventory.models import Broker

SECONDS_TO_FINISH_REQUESTS = 5
SECONDS_FOR_THE_PORT = 3
SECONDS_BETWEEN_LOOKS = 0.2


class Command(BaseCommand):
    """The command that `make demo` runs after the installation."""

    help = "Serve a demo on this machine, with a database of its own unless DATABASE_URL names one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until the process is told to stop.

        Raises:
            CommandError: the demo cannot start, or the server ended by itself.
        """
        exit_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if "MAKELEVEL" in os.environ:  # a make that is killed sends no signal
            end_with_parent(signal.SIGTERM, os.getppid())
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # for readers of a pipe
        try:
            with contextlib.ExitStack() as running:
                self.serve(running)
        except Terminated:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self.stdout.write("Stopped. The data stays for the next time.")
        except (PostgresError, OperationalError) as error:
            raise CommandError(str(error).partition("\n")[0]) from error

    def serve(self, running: contextlib.ExitStack) -> None:
        """Start everything and watch it run. The stack `running` ends it in reverse order."""
        data = settings.EMBEDDED_POSTGRES
        if data:
            refuse_a_second_demo(data.parent, running)
        refuse_a_taken_port()
        server = self.own_server(data, running) if data else None
        if data:
            migrate_own_database(data.parent)
        else:
            refuse_a_foreign_database()
            call_command("migrate", verbosity=0, interactive=False)
        address = f"http://{settings.HOST}:{settings.PORT}"
        demo.prepare(self.stdout, address)
        connections.close_all()
        gunicorn = running.enter_context(serving_requests())
        self.watch(gunicorn, server, address)

    def own_server(self, data: Path, running: contextlib.ExitStack) -> Server:
        """Start PostgreSQL, after waiting for another command that has started it to finish."""
        told = ""
        while True:
            try:
                return running.enter_context(Server(data))
            except AlreadyRunning as running_already:
                if running_already.owner != told:
                    told = running_already.owner
                    self.stdout.write(f"Waiting for process {told}, which uses the database …")
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def watch(self, gunicorn: "subprocess.Popen[bytes]", server: Server | None, url: str) -> None:
        """Print when requests are answered, and restart PostgreSQL if it was killed.

        Raises:
            CommandError: gunicorn ended by itself.
        """
        ready = False
        while gunicorn.poll() is None:
            if not ready and answers():
                ready = True
                self.stdout.write(f"Ready: {url}  (Ctrl-C stops everything)")
            if server and server.restart_if_ended():
                self.stdout.write("PostgreSQL had ended and was started again.")
            time.sleep(SECONDS_BETWEEN_LOOKS)
        raise CommandError(
            f"The server ended by itself ({describe(gunicorn.returncode)}). Start the demo again.",
            returncode=max(gunicorn.returncode, 1),
        )


def migrate_own_database(folder: Path) -> None:
    """Migrate the demo's own database to the state of this code.

    Args:
        folder: the folder of the database, for the message.

    Raises:
        CommandError: another version of the code made the database, with other migrations.
    """
    loader = MigrationLoader(connection)
    known = set(loader.disk_migrations)
    known.update(*(migration.replaces for migration in loader.disk_migrations.values()))
    applied = {key for key in loader.applied_migrations if key[0] in loader.migrated_apps}
    try:
        if applied <= known:
            call_command("migrate", verbosity=0, interactive=False)
            return
        reason = f"its migration {'.'.join(min(applied - known))} is not in this code"
    except (InconsistentMigrationHistory, ProgrammingError) as error:
        reason = first_line(error)
    raise CommandError(
        f"Another version of automator made the demo in {folder} ({reason}). Remove that folder"
        " and start the demo again. The data of the demo are lost."
    )


def refuse_a_foreign_database() -> None:
    """Refuse to use a database, named by DATABASE_URL, that belongs to somebody else.

    Raises:
        CommandError: the database has brokers, and the demo's is not among them.
    """
    if Broker._meta.db_table not in connection.introspection.table_names():
        return
    names = set(Broker.objects.values_list("name", flat=True))
    if names and demo.BROKER not in names:
        raise CommandError(
            "The database that DATABASE_URL names has brokers, but not that of the demo. Unset"
            " DATABASE_URL for a demo with a database of its own."
        )


def refuse_a_second_demo(folder: Path, running: contextlib.ExitStack) -> None:
    """Take the lock of the demo's folder, since two demos would stop each other's database.

    Raises:
        CommandError: another demo runs, or this user may not use the folder.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = Lock(folder / "demo.lock")
    except OSError as error:
        raise CommandError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    running.callback(lock.release)
    if not lock.take():
        raise CommandError(
            f"The demo of this folder is already running, as process {lock.holder()}."
        )
    lock.sign()


def refuse_a_taken_port() -> None:
    """Check early that the server can listen on its port.

    A demo that was just killed may hold the port for a moment, so the check is repeated.

    Raises:
        CommandError: the port cannot be used.
    """
    deadline = time.monotonic() + SECONDS_FOR_THE_PORT
    while error := port_error():
        if time.monotonic() > deadline:
            raise CommandError(
                f"Port {settings.PORT} cannot be used ({error}). For another: PORT=8001 make demo"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def port_error() -> str | None:
    """Return the reason why the server could not listen on its port, or None if it could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            return error.strerror
    return None


def answers() -> bool:
    """Whether the server answers requests, and does not merely accept connections."""
    connection = http.client.HTTPConnection(settings.HOST, settings.PORT, timeout=1)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        connection.getresponse()
        return True
    return False


@contextlib.contextmanager
def serving_requests() -> "Iterator[subprocess.Popen[bytes]]":
    """Run gunicorn as a child process.

    It has a session of its own, so that Ctrl-C reaches it only through this process.
    """
    gunicorn = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:automator.gunicorn", "automator.wsgi"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=child(signal.SIGTERM),  # noqa: PLW1509 -- there are no threads yet
    )
    try:
        yield gunicorn
    finally:
        gunicorn.terminate()
        for _ in range(SECONDS_TO_FINISH_REQUESTS):
            try:
                gunicorn.wait(1)
                break
            except subprocess.TimeoutExpired:
                # A worker that was starting missed the signal.
                os.killpg(gunicorn.pid, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(gunicorn.pid, signal.SIGKILL)  # this includes workers whose master has died
        gunicorn.wait()


def describe(returncode: int) -> str:
    """Return how a process ended, in words."""
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
