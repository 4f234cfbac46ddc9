"""The load generator in Python: for latency, and for throughput where wrk is not installed.

It runs as `python -m automator.bench.generator`, reads its task from standard input as JSON, and
prints what it has counted.

For latency, calls are due at random times that do not wait for earlier answers; wrk cannot do that.
A latency is counted from the moment at which the call was due, so that a service that falls behind
cannot hide it. Without a rate, each connection makes its next call when it has an answer.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass

from automator.bench.mix import Mix

MOST_CONNECTIONS = 128
SECONDS_FOR_THE_LAST = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """What to do. The first fields are those of `Mix`.

    `rate` is in calls per second; 0 means as many as `connections` connections can make.
    """

    kind: str
    remote: str
    groups: tuple[int, int]
    quantity: int
    prefix: str
    seed: int
    port: int
    key: str
    rate: float
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted. Latencies are in milliseconds; `cpu` is the generator's own, in seconds.

    `lost` is how many calls had no answer in time.
    """

    calls: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p95: float
    p99: float
    most: float
    lost: int
    cpu: float


class Connection(asyncio.Protocol):
    """A connection that makes one call at a time."""

    def __init__(self, generator: "Generator") -> None:
        self._generator = generator
        self._received = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._generator.opened(self)

    def send(self, due: float, request: bytes) -> None:
        """Make a call that was due at a time of the monotonic clock."""
        self._due = due
        assert self._transport  # noqa: S101
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        self._generator.answered(self, self._due, int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._generator.closed(self)


class Generator:
    """Carries out a task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._mix = Mix(
            task.kind,
            remote=task.remote,
            groups=task.groups,
            quantity=task.quantity,
            prefix=task.prefix,
            seed=task.seed,
        )
        self._idle: list[Connection] = []
        self._due: deque[float] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._connections = self._open = self._calls = 0
        self._latencies: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._end = 0.0

    async def run(self) -> Counted:
        """Make all calls, and return what was counted."""
        task = self._task
        start = time.monotonic() + 0.2
        self._end = start + task.seconds
        loop = asyncio.get_running_loop()
        if task.rate:
            chance = random.Random(task.seed)  # noqa: S311 -- not for secrets
            moment = start
            while (moment := moment + chance.expovariate(task.rate)) < self._end:
                loop.call_at(moment, self._arrive, moment)
        else:
            for _ in range(task.connections):
                loop.call_at(start, self._arrive, start)
        await asyncio.sleep(self._end - time.monotonic())
        ended = time.monotonic()
        while self._open and time.monotonic() < self._end + SECONDS_FOR_THE_LAST:
            await asyncio.sleep(0.02)
            ended = time.monotonic()
        used = resource.getrusage(resource.RUSAGE_SELF)
        ordered = sorted(self._latencies)
        return Counted(
            calls=self._calls,
            seconds=ended - start,
            statuses=dict(self._statuses),
            p50=at(ordered, 0.50),
            p95=at(ordered, 0.95),
            p99=at(ordered, 0.99),
            most=at(ordered, 1.0),
            lost=self._open,
            cpu=used.ru_utime + used.ru_stime,
        )

    def _arrive(self, due: float) -> None:
        """Make a call that is due now, as soon as a connection is idle."""
        self._calls += 1
        self._open += 1
        self._due.append(due)
        if not self._idle and self._connections < MOST_CONNECTIONS:
            self._connections += 1
            opening = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        self._proceed()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._task.port)

    def _proceed(self) -> None:
        while self._due and self._idle:
            self._idle.pop().send(self._due.popleft(), self._request())

    def opened(self, connection: Connection) -> None:
        """Use a new connection."""
        self._idle.append(connection)
        self._proceed()

    def answered(self, connection: Connection, due: float, status: int, body: bytes) -> None:
        """Count an answer, and use the connection again."""
        now = time.monotonic()
        self._latencies.append(1000 * (now - due))
        self._statuses[str(status)] += 1
        self._open -= 1
        self._mix.answered(status, body)
        self._idle.append(connection)
        if not self._task.rate and now < self._end:
            self._arrive(now)
        else:
            self._proceed()

    def closed(self, connection: Connection) -> None:
        """Forget a connection that the service has closed."""
        self._connections -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def _request(self) -> bytes:
        call = self._mix.next()
        head = (
            f"POST {call.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {self._task.key}\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-For: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n\r\n"
        )
        return head.encode() + call.body


def at(ordered: list[float], share: float) -> float:
    """Return the value below which a share of the sorted values lies, or 0 if there are none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def main() -> None:
    """Carry out the task."""
    facts = json.load(sys.stdin)
    task = Task(**{**facts, "groups": tuple(facts["groups"])})
    print(json.dumps(asdict(asyncio.run(Generator(task).run()))))  # noqa: T201


if __name__ == "__main__":
    main()
