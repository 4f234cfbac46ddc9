"""The results as one structure of plain values: what the tables, the charts and the page show."""

from collections.abc import Iterable, Sequence
from typing import Any

from automator.bench.filling import SEATS
from automator.bench.generator import Counted
from automator.bench.load_generators import CONNECTIONS, has_wrk
from automator.bench.loads import LOADS
from automator.bench.measuring import Turn, middle, ratios
from automator.bench.run import HALF, Results
from automator.bench.services import THREADS, WORKERS

FIGURES = ("calls_per_second", "cpu_ms", "python_ms", "postgres_ms", "wal_bytes", "others")
DIGITS = 4
# A run is called quiet if other programs used no more cores than this (the bench itself and the
# kernel are among them), and if fixed work took no more than so many times its least CPU time.
MOST_OTHERS, MOST_UNEVEN = 0.2, 1.3


def of(results: Results) -> dict[str, Any]:
    """Return the summary of a run. Each figure has a median, a least and a greatest value.

    A `ratio` is that of the first contestant's calls per second to those of this one, and a
    `cpu_ratio` that of this one's CPU per call to the first one's.
    """
    plan = results.plan
    return {
        "started": results.started,
        "machine": results.machine,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "tickets": plan.sizes[-1],
        "connections": CONNECTIONS,
        "workers": WORKERS,
        "threads": THREADS,
        "generator": "wrk" if has_wrk() else "Python",
        "others": figure([turn.others for turn in results.turns]),
        "yardstick_ms": figure([turn.yardstick_ms for turn in results.turns]),
        "quiet": quiet(results.turns),
        "contestants": {each.name: each.title for each in plan.contestants},
        "loads": [_load(results, name) for name in plan.loads],
        "works": _works(results),
        "costs": [
            {
                "contestant": cost.contestant,
                "call": cost.kind,
                "tickets": cost.groups * SEATS,
                "statements": cost.statements,
                "trips": cost.trips,
                "blocks": round(cost.blocks, 1),
            }
            for cost in results.costs
        ],
        "latencies": _latencies(results),
        "hot_updates": {name: round(share, DIGITS) for name, share in results.hot_updates.items()},
        "differences": results.differences,
    }


def quiet(turns: Sequence[Turn]) -> bool:
    """Return whether nothing else seems to have disturbed the turns."""
    taken = [turn.yardstick_ms for turn in turns]
    others = middle([turn.others for turn in turns])
    return bool(taken) and others <= MOST_OTHERS and max(taken) <= MOST_UNEVEN * min(taken)


def figure(numbers: Iterable[float]) -> dict[str, float]:
    """Return the median, the least and the greatest of the rounds."""
    found = list(numbers)
    return {
        "median": round(middle(found), DIGITS),
        "least": round(min(found, default=0.0), DIGITS),
        "most": round(max(found, default=0.0), DIGITS),
    }


def _load(results: Results, name: str) -> dict[str, Any]:
    rows = []
    first = results.plan.contestants[0].name
    for each in results.plan.contestants:
        turns = results.of(each.name, name)
        if not turns:
            continue
        row: dict[str, Any] = {"contestant": each.name}
        row |= {key: figure([getattr(turn, key) for turn in turns]) for key in FIGURES}
        row["calls"] = sum(turn.calls for turn in turns)
        row["unexpected"] = sum(turn.unexpected for turn in turns)
        if each.name != first:
            row["ratio"] = figure(ratios(results.turns, of=first, to=each.name, load=name))
            # The other way round, so that more than 1 means that the first one is better here too.
            cpu = ratios(results.turns, of=each.name, to=first, load=name, figure="cpu_ms")
            row["cpu_ratio"] = figure(cpu)
        if name != "spread" and results.of(each.name, "spread"):
            row["to_spread"] = figure(_to_spread(turns, results.of(each.name, "spread")))
        rows.append(row)
    return {"name": name, "title": LOADS[name].title, "rows": rows}


def _to_spread(turns: Sequence[Turn], spread: Sequence[Turn]) -> list[float]:
    """Return the calls per second of each round in proportion to those under the spread load."""
    usual = {turn.round: turn.calls_per_second for turn in spread}
    return [t.calls_per_second / usual[t.round] for t in turns if usual.get(t.round)]


def _works(results: Results) -> list[dict[str, Any]]:
    found = []
    for load, name in dict.fromkeys((work.load, work.contestant) for work in results.works):
        works = [work for work in results.works if (work.load, work.contestant) == (load, name)]
        found.append(
            {
                "load": load,
                "contestant": name,
                "rows_per_second": figure([work.rows_per_second for work in works]),
                "turns": len(works),
                "covered": sum(work.covered for work in works),
            }
        )
    return found


def _latencies(results: Results) -> list[dict[str, Any]]:
    found = []
    keys = dict.fromkeys((sample.share, sample.contestant) for sample in results.samples)
    for share, name in sorted(keys, key=lambda key: (key[0] != HALF, key[0])):
        samples = [s for s in results.samples if (s.share, s.contestant) == (share, name)]
        row: dict[str, Any] = {"contestant": name, "share": share}
        row["rate"] = round(middle([sample.rate for sample in samples]), 1)
        for key in ("p50", "p95", "p99"):
            row[key] = figure([getattr(sample.counted, key) for sample in samples])
        row["calls"] = sum(sample.counted.calls for sample in samples)
        row["bad"] = sum(_bad(sample.counted) for sample in samples)
        found.append(row)
    return found


def _bad(counted: Counted) -> int:
    """Return how many calls were lost, or had an answer that does not belong to the load."""
    expected = {str(status) for status in LOADS["spread"].expected}
    answers = counted.statuses.items()
    return counted.lost + sum(number for status, number in answers if status not in expected)
