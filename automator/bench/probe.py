"""Counters of single calls: statements, round trips, and blocks of PostgreSQL.

The calls are made one after another, through a proxy that counts. The counters therefore do not
depend on how busy the machine is. Statements and trips are exact. Blocks are an average, and depend
a little on how full the pages of the tables are.
"""

import http.client
import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from automator.bench.checkout import ContestantFailed
from automator.bench.database import Database
from automator.bench.proxy import Proxy
from automator.bench.services import Contestant, Service

SECONDS_UNTIL_REPORTED = 1.1  # a backend reports its counters once a second, after a transaction
WARM_UP = 6
MOST_GROUPS = 10_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call of a kind costs.

    The numbers of statements and trips are medians. The blocks, found in memory or read, are an
    average.
    """

    contestant: str
    kind: str
    groups: int
    statements: float
    trips: float
    blocks: float


class Caller:
    """Makes the calls, one at a time, on one connection."""

    def __init__(self, port: int, key: str, prefix: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {
            "X-API-Key": key,
            "Content-Type": "application/json",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "127.0.0.1",
        }
        self._prefix = prefix
        self._made = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def hold(self, remote_id: str) -> str:
        """Hold two tickets, and return the global id."""
        self._made += 1
        global_id = f"{self._prefix}-{self._made}"
        body = {"remote_id": remote_id, "quantity": 2, "global_id": global_id}
        self._post("/api/v1/holds", body)
        return global_id

    def release(self, global_id: str) -> None:
        """Release a hold."""
        self._post(f"/api/v1/holds/{global_id}/release", None)

    def invoice(self, global_id: str) -> None:
        """Sell the tickets of a hold."""
        self._post("/api/v1/invoices", {"order_id": f"o-{global_id}", "global_id": global_id})

    def _post(self, path: str, body: dict[str, Any] | None) -> None:
        sent = json.dumps(body) if body else None
        self._connection.request("POST", path, sent, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in {200, 201}:
            raise ContestantFailed(f"{path} was answered {answer.status}: {content[:300]!r}")


def count(
    contestant: Contestant,
    database: Database,
    *,
    folder: Path,
    key: str,
    prefix: str,
    groups: int,
    calls: int,
) -> list[Cost]:
    """Start a contestant with one thread, and count what its calls cost.

    Args:
        contestant: the contestant.
        database: the server of its database.
        folder: an empty folder for the proxy.
        key: the API key.
        prefix: the beginning of the global ids, which no other run may use.
        groups: how many ordinary groups there are.
        calls: how many calls of each kind are made.

    Raises:
        ContestantFailed: it does not start, or refuses a call.
    """
    chance = random.Random(1)  # noqa: S311 -- not for secrets
    # Every group has its turn, so that no group is sold out before the others.
    turns = itertools.cycle(chance.sample(range(1, groups + 1), min(groups, MOST_GROUPS)))
    with Proxy(database.folder, folder) as proxy:
        service = Service(
            contestant,
            database_url=database.url(contestant.database, folder=proxy.folder),
            log=folder / "log",
            workers=1,
            threads=1,
        )
        with service:
            service.wait()
            caller = Caller(service.port, key, prefix)
            held: list[str] = []

            def hold() -> None:
                held.append(caller.hold(f"g-{next(turns)}"))

            doing: dict[str, Callable[[], None]] = {
                "hold": hold,
                "release": lambda: caller.release(held.pop()),
                "invoice": lambda: caller.invoice(held.pop()),
            }
            # At every size the tables shall be as they are in use: with rows, and vacuumed. Each
            # vacuum makes the backend plan anew, so some calls come after it.
            for number in (calls, WARM_UP):
                database.vacuum(contestant.database)
                for _ in range(number):
                    for act in (hold, hold, doing["release"], doing["invoice"]):
                        act()
            # The holds are settled by the calls of the other two kinds.
            found = []
            before = _blocks(database, contestant.database, hold)
            for kind, number, following in (
                ("hold", 2 * calls + 3, "release"),
                ("release", calls, "invoice"),
                ("invoice", calls, "invoice"),
            ):
                trips, statements = _trips(proxy, doing[kind], number)
                after = _blocks(database, contestant.database, doing[following])
                blocks = (after - before) / (number + 1)
                before = after
                found.append(Cost(contestant.name, kind, groups, statements, trips, blocks))
            caller.close()
    return found


def _trips(proxy: Proxy, act: Callable[[], None], calls: int) -> tuple[float, float]:
    """Make calls of one kind, and return the round trips and the statements of one of them."""
    trips, statements = [], []
    for _ in range(calls):
        earlier = proxy.trips, proxy.statements
        act()
        trips.append(proxy.trips - earlier[0])
        statements.append(proxy.statements - earlier[1])
    return median(trips), median(statements)


def _blocks(database: Database, name: str, act: Callable[[], None]) -> int:
    """Make a call, and return how many blocks of a database were touched before.

    The first transaction of a call, which looks the key up, makes the backend report. The rest of
    the call is reported later. So it is counted with the calls that follow, of the same kind.
    """
    time.sleep(SECONDS_UNTIL_REPORTED)
    act()
    return database.blocks(name)
