"""Turns: each contestant under the same load, and what it costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from automator.bench import cpu, pgbench
from automator.bench.arena import Arena, Ready
from automator.bench.load_generators import Aim, fire
from automator.bench.loads import LOADS
from automator.bench.machine_speed import Yardstick


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contestant did in one turn. Costs are for each call, in milliseconds or bytes.

    `others` is how many cores other programs kept busy meanwhile, the bench itself among them.
    `yardstick_ms` is what a fixed work cost then: the more, the slower was the machine.
    """

    contestant: str
    load: str
    round: int
    calls: int
    calls_per_second: float
    unexpected: int
    statuses: dict[int, int]
    python_ms: float
    postgres_ms: float
    wal_bytes: float
    generator_ms: float
    others: float
    yardstick_ms: float

    @property
    def cpu_ms(self) -> float:
        """CPU of Python and PostgreSQL together."""
        return self.python_ms + self.postgres_ms


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one time: seconds, CPU seconds, and bytes of WAL."""

    time: float
    machine: float
    python: float
    postgres: float
    wal: int


def read(arena: Arena, ready: Ready) -> Reading:
    """Read the counters."""
    return Reading(
        time=time.monotonic(),
        machine=cpu.of_machine(),
        python=cpu.of_tree(ready.service.pid) if ready.service else 0.0,
        postgres=cpu.of_tree(arena.database.server.pid or 0),
        wal=arena.database.wal(),
    )


def take_turn(
    arena: Arena, ready: Ready, name: str, *, round_: int, seconds: int, ordinary: int
) -> Turn:
    """Put a load on a contestant, and measure what it costs.

    Args:
        arena: what the run has started.
        ready: the contestant.
        name: the name of the load.
        round_: the number of the round, which also decides on the calls that are made.
        seconds: for how long.
        ordinary: how many groups a load uses that has no number of its own.

    Raises:
        GeneratorFailed: the load generator failed.
    """
    load = LOADS[name]
    groups = load.numbers(ordinary=ordinary, turn=round_)
    before = read(arena, ready)
    with Yardstick() as yardstick:
        if ready.service:
            aim = Aim(ready.service.port, ready.key, load, groups, arena.new_prefix(), round_)
            fired = fire(aim, seconds=seconds)
        else:
            fired = pgbench.fire(
                arena.url(ready.contestant),
                load,
                groups=groups,
                key_hash=arena.key_hash,
                seed=round_,
                seconds=seconds,
                folder=arena.folder,
            )
    after = read(arena, ready)
    calls = max(fired.calls, 1)
    python, postgres = after.python - before.python, after.postgres - before.postgres
    others = after.machine - before.machine - python - postgres - fired.cpu
    return Turn(
        contestant=ready.contestant.name,
        load=name,
        round=round_,
        calls=fired.calls,
        calls_per_second=fired.calls / fired.seconds,
        unexpected=fired.unexpected(load),
        statuses=fired.statuses,
        python_ms=1000 * python / calls,
        postgres_ms=1000 * postgres / calls,
        wal_bytes=(after.wal - before.wal) / calls,
        generator_ms=1000 * fired.cpu / calls,
        others=max(others, 0.0) / (after.time - before.time),
        yardstick_ms=yardstick.milliseconds,
    )


def ratios(
    turns: Sequence[Turn], *, of: str, to: str, load: str, figure: str = "calls_per_second"
) -> list[float]:
    """Return the ratio of two contestants' figures in each round that both had."""
    found = {
        (turn.contestant, turn.round): float(getattr(turn, figure))
        for turn in turns
        if turn.load == load
    }
    rounds = sorted({round_ for _, round_ in found})
    pairs = [(found.get((of, r)), found.get((to, r))) for r in rounds]
    return [mine / theirs for mine, theirs in pairs if mine and theirs]


def middle(numbers: Sequence[float]) -> float:
    """Return the median, or 0 if there is nothing."""
    return median(numbers) if numbers else 0.0
