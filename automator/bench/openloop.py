"""The load generator for latency: calls at random times that do not wait for earlier answers.

It runs as `python -m automator.bench.openloop`, reads its task from standard input as JSON, and
prints what it has counted. A latency is counted from the moment at which the call was due, so a
service that falls behind cannot hide it. wrk cannot do this. At half of a service's saturation a
generator in Python is quick enough; how much CPU it used is in its result.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass

MOST_CONNECTIONS = 128
SECONDS_FOR_THE_LAST = 10.0
SETTLED_BY_INVOICE = 10  # one hold in so many is sold, the others are released


@dataclass(frozen=True, slots=True)
class Task:
    """What to do: `rate` is in calls per second."""

    port: int
    key: str
    prefix: str
    groups: int
    rate: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Latencies:
    """What was counted. Latencies are in milliseconds; `cpu` is the generator's own, in seconds.

    `late` is how many calls had no answer in time.
    """

    calls: int
    p50: float
    p95: float
    p99: float
    most: float
    unexpected: int
    late: int
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
        self._generator.idle.append(self)
        self._generator.proceed()

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
        self._generator.lost(self)


class Generator:
    """Makes the calls of a task: half are holds, and the others settle them."""

    def __init__(self, task: Task) -> None:
        self.idle: list[Connection] = []
        self._task = task
        self._chance = random.Random(task.seed)  # noqa: S311 -- not for secrets
        self._due: deque[float] = deque()
        self._held: deque[str] = deque()
        self._connections = self._turn = self._made = self._open = 0
        self._latencies: list[float] = []
        self._unexpected = 0

    async def run(self) -> Latencies:
        """Make all calls, and return what was counted."""
        loop = asyncio.get_running_loop()
        start = time.monotonic() + 0.2
        moment, end = 0.0, self._task.seconds
        while (moment := moment + self._chance.expovariate(self._task.rate)) < end:
            self._open += 1
            loop.call_at(start + moment, self._arrive, start + moment)
        calls = self._open
        last = start + end + SECONDS_FOR_THE_LAST
        while self._open and time.monotonic() < last:
            await asyncio.sleep(0.05)
        used = resource.getrusage(resource.RUSAGE_SELF)
        ordered = sorted(self._latencies)
        return Latencies(
            calls=calls,
            p50=at(ordered, 0.50),
            p95=at(ordered, 0.95),
            p99=at(ordered, 0.99),
            most=at(ordered, 1.0),
            unexpected=self._unexpected,
            late=self._open,
            cpu=used.ru_utime + used.ru_stime,
        )

    def _arrive(self, due: float) -> None:
        self._due.append(due)
        if not self.idle and self._connections < MOST_CONNECTIONS:
            self._connections += 1
            loop = asyncio.get_running_loop()
            self._opening = loop.create_task(self._connect())
        self.proceed()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._task.port)

    def proceed(self) -> None:
        """Make the calls that are due, as far as connections are idle."""
        while self._due and self.idle:
            self.idle.pop().send(self._due.popleft(), self._request())

    def answered(self, connection: Connection, due: float, status: int, body: bytes) -> None:
        """Count an answer, and use the connection again."""
        self._latencies.append(1000 * (time.monotonic() - due))
        self._open -= 1
        if status not in {200, 201}:
            self._unexpected += 1
        elif status == 201:  # noqa: PLR2004
            answer = json.loads(body)
            if answer["status"] == "held":
                self._held.append(answer["global_id"])
        self.idle.append(connection)
        self.proceed()

    def lost(self, connection: Connection) -> None:
        """Forget a connection that the service has closed."""
        self._connections -= 1
        if connection in self.idle:
            self.idle.remove(connection)

    def _request(self) -> bytes:
        self._turn += 1
        task = self._task
        if self._turn % 2 or not self._held:
            self._made += 1
            remote_id = f"g-{self._chance.randint(1, task.groups)}"
            return self._post(
                "/api/v1/holds",
                {
                    "remote_id": remote_id,
                    "quantity": 2,
                    "global_id": f"{task.prefix}-{self._made}",
                },
            )
        global_id = self._held.popleft()
        if self._turn % (2 * SETTLED_BY_INVOICE) == 0:
            body = {"order_id": f"o-{global_id}", "global_id": global_id}
            return self._post("/api/v1/invoices", body)
        return self._post(f"/api/v1/holds/{global_id}/release", None)

    def _post(self, path: str, body: dict[str, object] | None) -> bytes:
        content = json.dumps(body).encode() if body else b""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {self._task.key}\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-For: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


def at(ordered: list[float], share: float) -> float:
    """Return the value below which a share of the sorted values lies, or 0 if there are none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def main() -> None:
    """Carry out the task."""
    task = Task(**json.load(sys.stdin))
    print(json.dumps(asdict(asyncio.run(Generator(task).run()))))  # noqa: T201


if __name__ == "__main__":
    main()
