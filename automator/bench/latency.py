"""Latency under a steady load, with arrivals at random times."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from automator.bench.openloop import Latencies, Task
from automator.bench.services import BASE
from automator.bench.wrk import SECONDS_TO_END, GeneratorFailed

HALF = 0.5  # of the own saturation


@dataclass(frozen=True, slots=True)
class Sample:
    """The latencies of a contestant in one round, at a share of its own saturation."""

    contestant: str
    share: float
    rate: float
    round: int
    latencies: Latencies


def measure(task: Task) -> Latencies:
    """Run the load generator in a process of its own.

    Raises:
        GeneratorFailed: it did not end as it should.
    """
    done = subprocess.run(
        [sys.executable, "-m", "automator.bench.openloop"],
        check=False,
        cwd=BASE,
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        timeout=task.seconds + 2 * SECONDS_TO_END,
    )
    if done.returncode:
        raise GeneratorFailed(f"The load generator failed: {done.stderr.strip()[-300:]}")
    return Latencies(**json.loads(done.stdout))
