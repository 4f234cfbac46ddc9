"""The contestants as running services: how each is started, watched and ended."""

import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from automator.bench.checkout import BASE, ContestantFailed, environment
from automator.postgres.processes import child

WORKERS, THREADS = 2, 8
FIRST_PORT, LAST_PORT = 18_100, 18_999  # below those that the kernel takes for clients
SECONDS_TO_START, SECONDS_TO_STOP = 60, 10
OTHERS = "automator.bench.contestants"


ports = iter(range(FIRST_PORT + os.getpid() % 400, LAST_PORT))


@dataclass(frozen=True)
class Contestant:
    """A way to write the service.

    Args:
        name: the word for it on the command line.
        title: the name for people.
        command: the program with its arguments, where `{port}` and the like are filled in; pgbench
            has none.
        database: the name of its database.
        narrow: whether it uses the narrow tables, and not the project's.
        needs: modules that must be installed.
        checkout: the folder to run it in.
    """

    name: str
    title: str
    command: tuple[str, ...]
    database: str
    narrow: bool = True
    needs: tuple[str, ...] = ()
    checkout: Path = BASE
    environment: dict[str, str] = field(default_factory=dict)

    def missing(self) -> str:
        """Return the name of a module that it needs and that is not installed, or an empty text."""
        return next((name for name in self.needs if not importlib.util.find_spec(name)), "")


GUNICORN = (
    *("-m", "gunicorn", "--worker-class", "gthread", "--workers", "{workers}"),
    *("--threads", "{threads}", "--keep-alive", "75", "--bind", "127.0.0.1:{port}"),
)
PROJECT = ("-m", "gunicorn", "-c", "python:automator.gunicorn", "automator.wsgi")
GRANIAN = (
    *("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}"),
    *("--workers", "{workers}", "--blocking-threads", "{threads}", "--no-ws"),
)
UVICORN = (
    *("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
    *("--no-access-log", "--log-level", "warning"),
)


def contestants(project: Path, baseline: Path | None) -> dict[str, Contestant]:
    """Return all contestants by name, in the order of their turns.

    Args:
        project: the checkout that is measured.
        baseline: another checkout of the project to compare it with.
    """

    def of_project(name: str, title: str, checkout: Path, *command: str) -> Contestant:
        return Contestant(name, title, command, name, narrow=False, checkout=checkout)

    found = [of_project("project", "the project, as served", project, *PROJECT)]
    if baseline:
        title = "the project's other checkout"
        found.append(of_project("baseline", title, baseline, *PROJECT))
    found += [
        Contestant(
            "granian",
            "the project under granian",
            (*GRANIAN, "automator.wsgi:application"),
            "granian",
            narrow=False,
            needs=("granian",),
            checkout=project,
        ),
        Contestant(
            "bare",
            "bare WSGI, one stored function a call",
            (*GUNICORN, f"{OTHERS}.bare:application"),
            "bare",
        ),
        Contestant(
            "drf",
            "ordinary DRF: ModelViewSet and the ORM",
            (*GUNICORN, f"{OTHERS}.ordinary.wsgi"),
            "drf",
        ),
        Contestant(
            "fastapi",
            "FastAPI, SQLAlchemy's ORM",
            (*UVICORN, f"{OTHERS}.with_sqlalchemy:app"),
            "fastapi",
            needs=("fastapi", "sqlalchemy", "uvicorn"),
        ),
        Contestant("pgbench", "pgbench with the functions: the limit", (), "pgbench"),
    ]
    return {contestant.name: contestant for contestant in found}


class Service:
    """A contestant that runs. Use it as a context manager."""

    def __init__(
        self,
        contestant: Contestant,
        *,
        database_url: str,
        log: Path,
        workers: int = WORKERS,
        threads: int = THREADS,
    ) -> None:
        self.contestant = contestant
        self.port = free_port()
        self._log = log
        self._environment = environment(
            DATABASE_URL=database_url,
            PORT=str(self.port),
            WEB_CONCURRENCY=str(workers),
            WEB_THREADS=str(threads),
            **contestant.environment,
        )
        numbers = {"port": self.port, "workers": workers, "threads": threads}
        self._command = [part.format(**numbers) for part in contestant.command]

    @property
    def pid(self) -> int:
        """The id of its first process, of which all others are descendants."""
        return self._process.pid

    def __enter__(self) -> "Service":
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=self.contestant.checkout,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=child(signal.SIGTERM),  # noqa: PLW1509 -- there are no threads yet
            )
        return self

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            ContestantFailed: it has ended, or does not answer in time.
        """
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                reason = self._log.read_text(errors="replace").strip()[-500:]
                raise ContestantFailed(f"{self.contestant.name} does not start: {reason}")
            time.sleep(0.05)

    def __exit__(self, *exception: object) -> None:
        """End all its processes."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_STOP)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    """Return a port that nobody listens on, and that was not returned before.

    Raises:
        ContestantFailed: there is none.
    """
    for port in ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ContestantFailed("All ports are taken.")


def answers(port: int) -> bool:
    """Whether a service answers requests, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
        connection.getresponse().read()
        return True
    return False
