"""Runs the load generators: wrk for throughput, or the one in Python, which also does latency."""

import json
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from automator.bench.checkout import BASE
from automator.bench.generator import Counted, Task
from automator.bench.loads import Load

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 16
SECONDS_TO_END = 30
WITHOUT_WRK = (
    "wrk is not installed, so a generator in Python makes the calls. It costs about as much CPU as"
    " a service does, so differences look smaller than they are. On Debian and Ubuntu, as root:"
    " apt install wrk"
)


class GeneratorFailed(Exception):
    """The load generator did not give a result."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a load is put on, and which calls are made.

    Args:
        port: the port of the service.
        key: the API key.
        load: the calls to make.
        groups: the numbers of the first and the last ticket group to use.
        prefix: the beginning of the global ids, which no other run may use.
        seed: contestants with the same seed have the same calls.
    """

    port: int
    key: str
    load: Load
    groups: tuple[int, int]
    prefix: str
    seed: int


@dataclass(frozen=True, slots=True)
class Fire:
    """What a load generator has counted. `cpu` is what it used itself, in seconds."""

    calls: int
    seconds: float
    statuses: dict[int, int]
    lost: int
    cpu: float

    def unexpected(self, load: Load) -> int:
        """Return how many calls were lost, or had an answer that does not belong to the load."""
        return self.lost + sum(
            number for status, number in self.statuses.items() if status not in load.expected
        )


def has_wrk() -> bool:
    """Whether wrk is on the path."""
    return shutil.which("wrk") is not None


def fire(aim: Aim, *, seconds: int) -> Fire:
    """Make calls on 16 connections, each of which makes its next call when it has an answer.

    Raises:
        GeneratorFailed: the generator did not end as it should.
    """
    if has_wrk():
        return _wrk(aim, seconds)
    counted = steadily(aim, rate=0, seconds=seconds)
    return Fire(
        calls=counted.calls,
        seconds=counted.seconds,
        statuses={int(status): number for status, number in counted.statuses.items()},
        lost=counted.lost,
        cpu=counted.cpu,
    )


def steadily(aim: Aim, *, rate: float, seconds: float) -> Counted:
    """Make calls at a rate, in calls per second, with the generator in Python.

    Raises:
        GeneratorFailed: the generator did not end as it should.
    """
    load = aim.load
    task = Task(
        kind=load.kind,
        remote=load.prefix,
        groups=aim.groups,
        quantity=load.quantity,
        prefix=aim.prefix,
        seed=aim.seed,
        port=aim.port,
        key=aim.key,
        rate=rate,
        connections=CONNECTIONS,
        seconds=seconds,
    )
    done = subprocess.run(
        [sys.executable, "-m", "automator.bench.generator"],
        check=False,
        cwd=BASE,
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        timeout=seconds + SECONDS_TO_END,
    )
    if done.returncode:
        raise GeneratorFailed(f"The load generator failed: {done.stderr.strip()[-300:]}")
    return Counted(**json.loads(done.stdout))


def _wrk(aim: Aim, seconds: int) -> Fire:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = aim.load
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "10s"]
    command += [
        "--duration",
        f"{seconds}s",
        "--script",
        str(SCRIPT),
        f"http://127.0.0.1:{aim.port}",
    ]
    command += ["--", load.kind, load.prefix, *map(str, aim.groups), str(load.quantity)]
    command += [aim.prefix, aim.key, str(aim.seed)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds + SECONDS_TO_END
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, _, result = done.stdout.partition("RESULT ")
    if done.returncode or not result:
        raise GeneratorFailed(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    facts = json.loads(result.partition("\n")[0])
    facts["statuses"] = {int(status): number for status, number in facts["statuses"].items()}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Fire(**facts, cpu=cpu)
