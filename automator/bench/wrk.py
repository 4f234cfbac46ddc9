"""Runs wrk, the load generator for throughput."""

import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from automator.bench.loads import Load

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 16
INSTALL = "wrk is not installed. On Debian and Ubuntu, as root: apt install wrk"
SECONDS_TO_END = 30


class GeneratorFailed(Exception):
    """The load generator did not give a result."""


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


def installed() -> bool:
    """Whether wrk is on the path."""
    return shutil.which("wrk") is not None


def fire(
    url: str, load: Load, *, groups: tuple[int, int], prefix: str, key: str, seed: int, seconds: int
) -> Fire:
    """Make calls on 16 connections, each of which makes the next call when it has its answer.

    Args:
        url: the address of the service.
        load: the calls to make.
        groups: the numbers of the first and the last ticket group to use.
        prefix: the beginning of the global ids, which no other run may use.
        key: the API key.
        seed: contestants with the same seed have the same calls.
        seconds: for how long.

    Raises:
        GeneratorFailed: wrk did not end as it should.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT), url, "--"]
    command += [load.kind, load.prefix, *map(str, groups), str(load.quantity)]
    done = subprocess.run(
        [*command, prefix, key, str(seed)],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + SECONDS_TO_END,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, _, result = done.stdout.partition("RESULT ")
    if done.returncode or not result:
        raise GeneratorFailed(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    facts = json.loads(result.partition("\n")[0])
    facts["statuses"] = {int(status): number for status, number in facts["statuses"].items()}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Fire(**facts, cpu=cpu)
