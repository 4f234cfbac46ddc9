"""Turns and rounds: each contestant in turn under the same load, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from automator.bench import cpu, wrk
from automator.bench.arena import Arena, Ready
from automator.bench.loads import LOADS


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contestant did in one turn. Costs are for each call, in milliseconds or bytes."""

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

    @property
    def cpu_ms(self) -> float:
        """CPU of Python and PostgreSQL together."""
        return self.python_ms + self.postgres_ms


def take_turn(arena: Arena, ready: Ready, load: str, *, round_: int, seconds: int) -> Turn:
    """Put a load on a contestant, and measure what it costs.

    Raises:
        GeneratorFailed: the load generator failed.
    """
    database = arena.database
    postgres = database.server.pid or 0
    before = cpu.of_tree(ready.service.pid), cpu.of_tree(postgres), database.wal()
    fire = wrk.fire(
        ready.service.url,
        LOADS[load],
        groups=arena.groups,
        prefix=arena.new_prefix(),
        key=ready.key,
        seed=round_,
        seconds=seconds,
    )
    after = cpu.of_tree(ready.service.pid), cpu.of_tree(postgres), database.wal()
    python, postgresql, wal = (b - a for a, b in zip(before, after, strict=True))
    calls = max(fire.calls, 1)
    return Turn(
        contestant=ready.service.contestant.name,
        load=load,
        round=round_,
        calls=fire.calls,
        calls_per_second=fire.calls / fire.seconds,
        unexpected=fire.unexpected(LOADS[load]),
        statuses=fire.statuses,
        python_ms=1000 * python / calls,
        postgres_ms=1000 * postgresql / calls,
        wal_bytes=wal / calls,
        generator_ms=1000 * fire.cpu / calls,
    )


def ratios(turns: Sequence[Turn], *, of: str, to: str, load: str) -> list[float]:
    """Return the ratio of two contestants' calls per second in each round that both had."""
    speed = {
        (turn.contestant, turn.round): turn.calls_per_second for turn in turns if turn.load == load
    }
    rounds = sorted({round_ for _, round_ in speed})
    pairs = [(speed.get((of, r)), speed.get((to, r))) for r in rounds]
    return [mine / theirs for mine, theirs in pairs if mine and theirs]


def middle(numbers: Sequence[float]) -> float:
    """Return the median, or 0 if there is nothing."""
    return median(numbers) if numbers else 0.0
