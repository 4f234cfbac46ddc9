"""One run of the bench, from the empty server to the results."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automator.bench import audit, background_work, cpu
from automator.bench.arena import Arena, Ready
from automator.bench.background_work import Work
from automator.bench.generator import Counted
from automator.bench.load_generators import Aim, steadily
from automator.bench.loads import LOADS
from automator.bench.measuring import Turn, middle, take_turn
from automator.bench.probe import Cost
from automator.bench.services import Contestant

HALF = 0.5  # of the own saturation
MOST_WARM_UP = 2  # seconds for each contestant and load


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    `sizes` are numbers of tickets; all turns are made at the last. `shares` are those of the own
    saturation at which latencies are measured once, beside the half that every round measures.
    """

    contestants: tuple[Contestant, ...]
    loads: tuple[str, ...]
    sizes: tuple[int, ...]
    rounds: int
    seconds: int
    counted: int
    latency_seconds: int
    shares: tuple[float, ...]
    stale: int
    imported: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The latencies of a contestant in one round, at a share of its own saturation."""

    contestant: str
    share: float
    rate: float
    round: int
    counted: Counted


@dataclass(slots=True)
class Results:
    """What was measured."""

    plan: Plan
    machine: dict[str, Any]
    started: str
    turns: list[Turn] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    hot_updates: dict[str, float] = field(default_factory=dict)
    differences: dict[str, list[str]] = field(default_factory=dict)

    def of(self, contestant: str, load: str) -> list[Turn]:
        """Return the turns of a contestant under a load."""
        return [t for t in self.turns if t.contestant == contestant and t.load == load]


class Run:
    """Carries out a plan.

    Args:
        plan: what to measure.
        say: called with sentences about the progress.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.say = say
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self.results = Results(plan, cpu.machine(), started)
        self._due = self._steps()
        self._done = 0

    def go(self) -> Results:
        """Measure everything, and end everything that was started.

        Raises:
            PostgresError: PostgreSQL does not start.
            ContestantFailed: a contestant or a command of the project failed.
            GeneratorFailed: a load generator failed.
        """
        with Arena(say=self.say) as arena:
            self.results.machine["postgresql"] = arena.database.version()
            self.results.machine["commit"] = commit(self.plan.contestants[0].checkout)
            self._fill(arena)
            ready = arena.start(self.plan.contestants)
            self._rounds(arena, ready)
            self._latencies(arena, ready)
            arena.stop()
            for each in self.plan.contestants:
                self.say(f"Auditing the database of {each.title}.")
                self.results.differences[each.name] = audit.differences(arena, each)
        return self.results

    def _fill(self, arena: Arena) -> None:
        """Fill all databases. The first contestant is counted at every size, the others once."""
        first, *others = self.plan.contestants
        for tickets in self.plan.sizes if not first.narrow else self.plan.sizes[-1:]:
            arena.fill(first, tickets)
            self._count(arena, first)
        for each in others:
            arena.fill(each, self.plan.sizes[-1])
            self._count(arena, each)

    def _count(self, arena: Arena, contestant: Contestant) -> None:
        if self.plan.counted:
            costs, hot_updates = arena.count(contestant, self.plan.counted)
            self.results.costs += costs
            if contestant is self.plan.contestants[0]:
                self.results.hot_updates = hot_updates

    def _rounds(self, arena: Arena, ready: list[Ready]) -> None:
        """Measure all loads in each round, so that their ratios compare neighbouring turns."""
        for name in self.plan.loads:
            self.say(f"Warming up: {LOADS[name].title}.")
            for each in self._under(name, ready):
                if LOADS[name].during:
                    size = self._size(name)
                    background_work.prepare(arena, each, LOADS[name].during, size)
                self._turn(arena, each, name, round_=0)
        for round_ in range(1, self.plan.rounds + 1):
            for name in self.plan.loads:
                for each in in_turn(self._under(name, ready), round_):
                    self._measure(arena, each, name, round_)

    def _under(self, name: str, ready: list[Ready]) -> list[Ready]:
        """Return the contestants that a load is for."""
        return [each for each in ready if not (LOADS[name].during and each.contestant.narrow)]

    def _size(self, name: str) -> int:
        """Return how many rows the work during a load has."""
        return self.plan.stale if LOADS[name].during == "sweep" else self.plan.imported

    def _measure(self, arena: Arena, ready: Ready, name: str, round_: int) -> None:
        during = LOADS[name].during
        work = Work(load=name, contestant=ready.contestant.name, round=round_)
        if during:
            with background_work.working(arena, ready, during, self._size(name), work):
                turn = self._turn(arena, ready, name, round_)
            self.results.works.append(work)
        else:
            turn = self._turn(arena, ready, name, round_)
        self.results.turns.append(turn)
        self._progress(
            f"{name} {round_} {turn.contestant}: {turn.calls_per_second:,.0f} calls/s,"
            f" CPU {turn.python_ms:.2f} + {turn.postgres_ms:.2f} ms"
            + (f", {turn.unexpected} unexpected answers" if turn.unexpected else "")
            + (f", {work.rows_per_second:,.0f} rows/s" if during else "")
        )

    def _turn(self, arena: Arena, ready: Ready, name: str, round_: int) -> Turn:
        imports = LOADS[name].during == "import"
        return take_turn(
            arena,
            ready,
            name,
            round_=round_,
            seconds=self.plan.seconds if round_ else min(MOST_WARM_UP, self.plan.seconds),
            ordinary=self.plan.imported if imports else arena.groups,
        )

    def _latencies(self, arena: Arena, ready: list[Ready]) -> None:
        """Measure latencies at half of the own saturation in each round, at other shares once."""
        served = [each for each in ready if each.service and self._saturation(each)]
        if not self.plan.latency_seconds:
            return
        for round_ in range(1, self.plan.rounds + 1):
            for share in (HALF, *(self.plan.shares if round_ == 1 else ())):
                for each in in_turn(served, round_):
                    self._sample(arena, each, share, round_)

    def _sample(self, arena: Arena, ready: Ready, share: float, round_: int) -> None:
        assert ready.service  # noqa: S101 -- pgbench is left out
        rate = share * self._saturation(ready)
        load = LOADS["spread"]
        groups = load.numbers(ordinary=arena.groups, turn=round_)
        aim = Aim(ready.service.port, ready.key, load, groups, arena.new_prefix(), round_)
        found = steadily(aim, rate=rate, seconds=self.plan.latency_seconds)
        name = ready.contestant.name
        self.results.samples.append(Sample(name, share, rate, round_, found))
        self._progress(
            f"latency {round_} {name} at {share:.0%}: p50 {found.p50:.1f}, p99 {found.p99:.1f} ms"
        )

    def _saturation(self, ready: Ready) -> float:
        turns = self.results.of(ready.contestant.name, "spread")
        return middle([turn.calls_per_second for turn in turns])

    def _steps(self) -> int:
        """Return how many turns and samples are due."""
        everyone = len(self.plan.contestants)
        projects = sum(not each.narrow for each in self.plan.contestants)
        turns = sum(projects if LOADS[name].during else everyone for name in self.plan.loads)
        due = turns * self.plan.rounds
        if self.plan.latency_seconds and "spread" in self.plan.loads:
            served = sum(bool(each.command) for each in self.plan.contestants)
            due += served * (self.plan.rounds + len(self.plan.shares))
        return due

    def _progress(self, text: str) -> None:
        self._done += 1
        self.say(f"[{self._done}/{self._due}] {text}")


def in_turn(ready: list[Ready], round_: int) -> Iterator[Ready]:
    """Yield the contestants in the order of a round.

    In twice as many rounds as there are contestants, each has each place equally often, and comes
    as often before a neighbour as after it.
    """
    first = round_ // 2 % len(ready) if ready else 0
    rotated = ready[first:] + ready[:first]
    yield from rotated if round_ % 2 else rotated[::-1]


def commit(checkout: Path) -> str:
    """Return the commit of a checkout, with a note if files were changed.

    The text is empty if it is not a checkout, or git is not installed.
    """
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            check=False,
            cwd=checkout,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()
    return ""
