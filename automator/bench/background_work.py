"""What the project does during some loads: a sweep of stale holds, and an import."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from automator.bench import filling, probe
from automator.bench.arena import BROKER, Arena, Ready
from automator.bench.checkout import ContestantFailed, environment
from automator.postgres.processes import child

SECONDS_TO_BEGIN, SECONDS_TO_END = 60, 300
SECONDS_BETWEEN_LOOKS = 0.05
OVERDUE = "SELECT count(*) FROM holds_hold WHERE state = 'held' AND expires_at <= now()"
# A copied hold is older than its template, so that it is overdue at once.
STALE = {
    "global_id": "CASE WHEN old.global_id = '' THEN '' ELSE 'stale-' || n END",
    "created_at": "old.created_at - interval '2 hours'",
    "expires_at": "old.expires_at - interval '2 hours'",
}


@dataclass(slots=True)
class Work:
    """What was done during a turn: `rows` were swept or imported, in `seconds`.

    `covered` says whether the work went on during the whole turn.
    """

    load: str
    contestant: str
    round: int
    rows: int = 0
    seconds: float = 0.0
    covered: bool = False

    @property
    def rows_per_second(self) -> float:
        """How many rows were swept or imported in a second."""
        return self.rows / self.seconds if self.seconds else 0.0


def prepare(arena: Arena, ready: Ready, during: str, size: int) -> None:
    """Make what the work needs: stale holds, or groups that an import will change.

    Args:
        arena: what the run has started.
        ready: the project.
        during: `sweep` or `import`.
        size: how many stale holds or imported groups.

    Raises:
        ContestantFailed: the project refused something.
    """
    if during == "import":
        arena.import_groups(ready.contestant, _groups(size))
        return
    assert ready.service  # noqa: S101 -- the project is served
    caller = probe.Caller(ready.service.port, ready.key, "stale-template")
    with contextlib.closing(caller):
        caller.hold(filling.STALE)
    arena.multiply(ready.contestant, filling.STALE, "stale-", (1, size), STALE)
    arena.database.settle(ready.contestant.database)


@contextlib.contextmanager
def working(arena: Arena, ready: Ready, during: str, size: int, work: Work) -> Iterator[None]:
    """Do the work in the background of a turn, and write what was done to `work`.

    A sweep is stopped at the end of the turn, so that the next one has stale holds too. An import
    is waited for.

    Raises:
        ContestantFailed: the command failed.
    """
    if during == "sweep":
        command = ["expire_holds", "--every", "3600"]
    else:
        book = arena.folder / f"import-{work.round}.csv"
        filling.write_book(book, _groups(size), price=f"{50 + work.round}.00")
        command = ["import_inventory", "--strict", BROKER, str(book)]
    database = ready.contestant.database
    with (
        arena.database.connect(database) as connection,
        (arena.folder / "work.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ready.contestant.checkout,
            env=environment(DATABASE_URL=arena.url(ready.contestant)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=child(signal.SIGTERM),  # noqa: PLW1509 -- there are no threads yet
        ) as process,
    ):
        try:
            overdue = _begun(process, connection, during)
            start = time.monotonic()
            yield
            work.covered = process.poll() is None
            if during == "sweep":
                work.seconds = time.monotonic() - start
                work.rows = overdue - _number(connection, OVERDUE)
                process.terminate()
            process.wait(SECONDS_TO_END)
            if during == "import":
                work.seconds, work.rows = time.monotonic() - start, size
        finally:
            process.kill()
    if process.returncode > 0:
        words = (arena.folder / "work.log").read_text(errors="replace").strip()[-500:]
        raise ContestantFailed(f"manage.py {command[0]} failed: {words}")


def _begun(process: "subprocess.Popen[bytes]", connection: object, during: str) -> int:
    """Wait until the work has begun, and return how many holds are overdue then."""
    before = _number(connection, OVERDUE)
    deadline = time.monotonic() + SECONDS_TO_BEGIN
    query = OVERDUE if during == "sweep" else "SELECT count(*) FROM inventory_import"
    known = _number(connection, query)
    while _number(connection, query) == known and process.poll() is None:
        if time.monotonic() > deadline:
            raise ContestantFailed(f"The {during} does not begin.")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return _number(connection, OVERDUE) if during == "sweep" else before


def _number(connection: object, query: str) -> int:
    [(number,)] = connection.execute(query.encode()).fetchall()  # type: ignore[attr-defined]
    return int(number)


def _groups(size: int) -> Iterator[tuple[str, int]]:
    for number in range(1, size + 1):
        yield f"i-{number}", filling.SEATS
