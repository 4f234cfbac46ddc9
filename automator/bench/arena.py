"""Everything that a run starts: the server, the filled databases and the running contestants."""

import contextlib
import hashlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from automator.bench import database, filling, probe
from automator.bench.checkout import ContestantFailed, manage
from automator.bench.services import Contestant, Service

BROKER = "Bench"
NARROW = "narrow"  # the database that those of the other contestants are copied from
SECONDS_FOR_BACKENDS = 0.5  # after a service has ended, to end and to report their counters
SCHEMA = Path(__file__).parent / "contestants" / "narrow.sql"


@dataclass(frozen=True)
class Ready:
    """A contestant whose database is filled. pgbench has no service."""

    contestant: Contestant
    key: str
    service: Service | None


class Arena:
    """A temporary folder with all that a run needs. Use it as a context manager.

    Args:
        say: called with sentences about the progress.
    """

    def __init__(self, *, say: Callable[[str], None]) -> None:
        self.say = say
        self.key = secrets.token_hex(16)
        self.key_hash = hashlib.sha256(self.key.encode()).hexdigest()
        self.groups = 0
        self._running = contextlib.ExitStack()
        self._services = contextlib.ExitStack()
        self._prefixes = 0
        self._keys: dict[str, str] = {}
        self._filled: dict[str, int] = {}

    def __enter__(self) -> "Arena":
        """Make the folder, and start PostgreSQL.

        Raises:
            PostgresError: it does not start.
        """
        with contextlib.ExitStack() as undo:
            self.folder = Path(tempfile.mkdtemp(prefix="automator-bench-"))
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.say("Starting PostgreSQL.")
            self.database = undo.enter_context(database.running(self.folder))
            self._services = undo.enter_context(contextlib.ExitStack())
            self._running = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """End everything, and remove the folder."""
        self._running.close()

    def new_prefix(self) -> str:
        """Return a beginning for global ids that nothing has used before."""
        self._prefixes += 1
        return f"t{self._prefixes}"

    def url(self, contestant: Contestant) -> str:
        """Return the URL of a contestant's database."""
        return self.database.url(contestant.database)

    def fill(self, contestant: Contestant, tickets: int) -> None:
        """Add groups to the database of a contestant until it has so many tickets.

        Raises:
            ContestantFailed: a command of the project failed.
        """
        self.groups = max(tickets // filling.SEATS, 1)
        self.say(f"Filling the database of {contestant.title} with {tickets:,} tickets.")
        if not contestant.narrow:
            self._fill_project(contestant)
        else:
            self._fill_narrow()
            self.database.copy(NARROW, contestant.database)
            self._keys[contestant.name] = self.key

    def start(self, contestants: Iterable[Contestant]) -> list[Ready]:
        """Start contestants whose databases are filled, all at once.

        Raises:
            ContestantFailed: one does not start.
        """
        found = []
        for each in contestants:
            service = None
            if each.command:
                self.say(f"Starting {each.title}.")
                log = self.folder / f"{each.name}.log"
                service = Service(each, database_url=self.url(each), log=log)
                self._services.enter_context(service)
            found.append(Ready(each, self._keys[each.name], service))
        for ready in found:
            if ready.service:
                ready.service.wait()
        return found

    def stop(self) -> None:
        """End all contestants, so that PostgreSQL's counters are complete."""
        self._services.close()

    def count(
        self, contestant: Contestant, calls: int
    ) -> tuple[list[probe.Cost], dict[str, float]]:
        """Count what single calls of a contestant cost. It need not have been started.

        Returns the costs, and the share of HOT updates by table.

        Raises:
            ContestantFailed: it does not start, or refuses a call.
        """
        if not contestant.command:
            return [], {}
        self.say(f"Counting statements, round trips and blocks of {contestant.title}.")
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        before = self.database.updates(contestant.database)
        with self.database.without_autovacuum():
            costs = probe.count(
                contestant,
                self.database,
                folder=folder,
                key=self._keys[contestant.name],
                prefix=self.new_prefix(),
                groups=self.groups,
                calls=calls,
            )
        time.sleep(SECONDS_FOR_BACKENDS)
        shares = {}
        for table, (updates, hot) in self.database.updates(contestant.database).items():
            earlier = before.get(table, (0, 0))
            if updates > earlier[0]:
                shares[table] = (hot - earlier[1]) / (updates - earlier[0])
        return costs, shares

    def _fill_narrow(self) -> None:
        """Make the database that the others are copied from, once."""
        if NARROW in self._filled:
            return
        self.database.create(NARROW)
        with self.database.connect(NARROW) as connection:
            connection.execute(SCHEMA.read_bytes())
            filling.fill_narrow(
                connection, key_hash=self.key_hash, groups=self.groups, progress=self.say
            )
        self.database.settle(NARROW)
        self._filled[NARROW] = self.groups

    def _fill_project(self, contestant: Contestant) -> None:
        checkout, url = contestant.checkout, self.url(contestant)
        if contestant.name not in self._filled:
            self.database.create(contestant.database)
            book = self.folder / f"{contestant.name}.csv"
            filling.write_book(book, filling.templates())
            self._keys[contestant.name] = manage(
                *(checkout, url),
                ("migrate", "--verbosity", "0"),
                ("create_broker", BROKER, "--hold-lifetime", "3600"),
                ("import_inventory", "--strict", BROKER, str(book)),
                ("create_api_key", BROKER),
            ).splitlines()[-1]
            for prefix, (template, groups) in filling.COPIES.items():
                self.multiply(contestant, template, prefix, (1, groups))
        done = self._filled.get(contestant.name, 0)
        self.multiply(contestant, filling.TEMPLATE, "g-", (done + 1, self.groups))
        self._filled[contestant.name] = max(done, self.groups)
        self.database.settle(contestant.database)

    def import_groups(self, contestant: Contestant, groups: filling.Groups) -> None:
        """Import a file with the given groups.

        Raises:
            ContestantFailed: a row was refused.
        """
        book = self.folder / f"{contestant.name}.csv"
        filling.write_book(book, groups)
        command = ("import_inventory", "--strict", BROKER, str(book))
        manage(contestant.checkout, self.url(contestant), command)

    def multiply(
        self,
        contestant: Contestant,
        template: str,
        prefix: str,
        numbers: tuple[int, int],
        overrides: dict[str, str] | None = None,
    ) -> None:
        """Copy a ticket group of the project; see `filling.multiply`.

        Raises:
            ContestantFailed: there is no such group.
        """
        with self.database.connect(contestant.database) as connection:
            if not filling.multiply(
                connection,
                template=template,
                prefix=prefix,
                first=numbers[0],
                last=numbers[1],
                progress=self.say,
                overrides=overrides or {},
            ):
                raise ContestantFailed(f"There is no ticket group {template} to copy.")
