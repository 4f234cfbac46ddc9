"""Programs that tests start, talk to, kill, and look for afterwards."""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# The tests' database, and the make they were started by, are not the program's.
OURS = {"DATABASE_URL", "DEMO", "DJANGO_SETTINGS_MODULE", "MAKELEVEL", "MAKEFLAGS", "MFLAGS"}
PATIENCE = 60  # seconds, after which something is taken to hang
# Each process of pytest has ports of its own, below those that the kernel gives to clients. They
# begin at different ones in each run, for there may be several runs on a machine.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = iter(range(12_000 + _WORKER % 8 * 2_500 + os.getpid() % 2_000, 32_768))


def free_port() -> int:
    """A port on which nothing listens, and which no other test is given."""
    return next(port for port in _PORTS if not listens(port))


def listens(port: int) -> bool:
    """Whether a program of this machine listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again; fails with `what` when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_in(folder: Path) -> list[int]:
    """The processes that work in a folder or below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if path.readlink().is_relative_to(folder):
                found.append(int(path.parent.name))
    return found


def remove(folder: Path) -> None:
    """Remove a folder, also while a program makes new files in it."""

    def is_gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    wait_until(is_gone, f"the end of {folder}")


class Program:
    """A running program, whose output can be waited for. Killed at the end of the `with` block."""

    def __init__(
        self, *arguments: object, folder: Path = CHECKOUT, environment: Mapping[str, str] = {}
    ) -> None:
        outside = {name: value for name, value in os.environ.items() if name not in OURS}
        self.output = ""
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=folder,
            env={**outside, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.process:
            pass  # closes the pipes, and waits

    @classmethod
    def python(cls, script: str, *arguments: object, **environment: str) -> Self:
        """Run a script with the interpreter and the code of the tests."""
        return cls(sys.executable, "-c", script, *arguments, environment=environment)

    def expect(self, text: str) -> str:
        """Wait for a text and return the line that has it."""
        deadline = time.monotonic() + PATIENCE  # a program may go on writing something else
        while "\n" not in self.output.partition(text)[2]:
            waits = self._read() and time.monotonic() < deadline
            assert waits, f"no {text!r} in:\n{self.output}"
        return next(line for line in self.output.splitlines() if text in line)

    def _read(self) -> bool:
        """Wait for more output; False at its end, or at the end of patience."""
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
        self.output += part.decode(errors="replace")
        return bool(part)

    def hang_up(self) -> None:
        """Close its input."""
        assert self.process.stdin
        self.process.stdin.close()

    def end(self) -> int:
        """Close its input, and wait for its exit code."""
        self.hang_up()
        while self._read():
            pass
        return self.process.wait(PATIENCE)
