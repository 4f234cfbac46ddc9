"""Everything that a run starts: the server, the filled databases and the running contestants."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from automator.bench import database, filling
from automator.bench.services import Contestant, Key, Service, manage

BROKER = "Bench"
NARROW = "narrow"  # the database that those of the other contestants are copied from
SCHEMA = Path(__file__).parent / "contestants" / "narrow.sql"


@dataclass(frozen=True)
class Ready:
    """A running contestant, and the API key that it knows."""

    service: Service
    key: str


class Arena:
    """A temporary folder with all that a run needs. Use it as a context manager.

    Args:
        tickets: how many tickets each contestant has in its ordinary groups.
        say: called with sentences about the progress.
    """

    def __init__(self, *, tickets: int, say: Callable[[str], None]) -> None:
        self.groups = max(tickets // filling.SEATS, 1)
        self.say = say
        self.ready: dict[str, Ready] = {}
        self._running = contextlib.ExitStack()
        self._prefixes = 0
        self._key = Key()

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
            self._running = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """End everything, and remove the folder."""
        self._running.close()

    def new_prefix(self) -> str:
        """Return a beginning for global ids that no turn has used."""
        self._prefixes += 1
        return f"t{self._prefixes}"

    def enter(self, contestants: Iterable[Contestant]) -> None:
        """Fill the databases of contestants, and start them.

        Raises:
            ContestantFailed: one does not start.
        """
        contestants = list(contestants)
        if any(each.narrow for each in contestants):
            self._fill_narrow()
        for each in contestants:
            if each.narrow:
                self.database.create(each.database, template=NARROW)
                key = self._key.text
            else:
                key = self._fill_project(each)
            self.say(f"Starting {each.title}.")
            service = Service(
                each,
                database_url=self.database.url(each.database),
                log=self.folder / f"{each.name}.log",
            )
            self.ready[each.name] = Ready(self._running.enter_context(service), key)
        with self.database.connect() as connection:
            connection.execute("CHECKPOINT")

    def _fill_narrow(self) -> None:
        self.say("Filling the narrow tables.")
        self.database.create(NARROW)
        with self.database.connect(NARROW) as connection:
            connection.execute(SCHEMA.read_bytes())
            filling.fill_narrow(
                connection, key_hash=self._key.hash, first=1, last=self.groups, progress=self.say
            )
            connection.execute("VACUUM ANALYZE")

    def _fill_project(self, contestant: Contestant) -> str:
        """Fill the project's tables, and return its API key."""
        self.say(f"Filling the tables of {contestant.title}.")
        checkout, url = contestant.checkout, self.database.url(contestant.database)
        self.database.create(contestant.database)
        manage(checkout, url, "migrate", "--verbosity", "0")
        manage(checkout, url, "create_broker", BROKER, "--hold-lifetime", "3600")
        book = self.folder / "book.csv"
        filling.write_book(book, filling.first_groups())
        manage(checkout, url, "import_inventory", "--strict", BROKER, str(book))
        with self.database.connect(contestant.database) as connection:
            filling.multiply(
                connection,
                template=filling.TEMPLATE,
                prefix="g-",
                first=1,
                last=self.groups,
                progress=self.say,
            )
            connection.execute("VACUUM ANALYZE")
        return manage(checkout, url, "create_api_key", BROKER)
