"""The results as tables of text."""

from collections.abc import Iterator, Sequence

from automator.bench.latency import HALF
from automator.bench.loads import LOADS
from automator.bench.measuring import Turn, middle, ratios
from automator.bench.run import Results

# The shares of the calls of the usual load.
MIX = {"hold": 0.5, "release": 0.45, "invoice": 0.05}
WIDTH = 11


def tables(results: Results) -> Iterator[str]:
    """Yield the lines of all tables."""
    for load in results.plan.loads:
        names = [each.name for each in results.plan.contestants if results.of(each.name, load)]
        yield ""
        yield f"{LOADS[load].title}: medians of {results.plan.rounds} rounds"
        yield from _costs(results, load, names)
        yield from _ratios(results, load, names)
    yield from _works(results)
    yield from _counters(results)
    yield from _latencies(results)
    yield from _end(results)


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)


def _costs(results: Results, load: str, names: list[str]) -> Iterator[str]:
    yield _row(
        "", ("calls/s", "CPU ms", "Python", "PostgreSQL", "least CPU", "WAL bytes", "others")
    )
    for name in names:
        turns = results.of(name, load)
        cells = (
            f"{middle([t.calls_per_second for t in turns]):,.0f}",
            f"{middle([t.cpu_ms for t in turns]):.3f}",
            f"{middle([t.python_ms for t in turns]):.3f}",
            f"{middle([t.postgres_ms for t in turns]):.3f}",
            f"{min(t.cpu_ms for t in turns):.3f}",
            f"{middle([t.wal_bytes for t in turns]):,.0f}",
            f"{middle([t.others for t in turns]):.2f}",
        )
        unexpected = sum(turn.unexpected for turn in turns)
        yield _row(name, cells) + (f"  {unexpected} unexpected answers" if unexpected else "")


def _ratios(results: Results, load: str, names: list[str]) -> Iterator[str]:
    first, *others = names or [""]
    for name in others:
        found = ratios(results.turns, of=first, to=name, load=load)
        if found:
            yield f"{first} : {name} = {compared(found)}"
    if load != "spread":
        for name in names:
            of_spread = against_spread(results.of(name, load), results.of(name, "spread"))
            if of_spread:
                yield f"{name}, against its spread load = {compared(of_spread)}"


def compared(found: Sequence[float]) -> str:
    """Return ratios as text: the median, the least and the greatest, and whether they prove much."""
    text = f"{middle(found):.3f} ({min(found):.3f} to {max(found):.3f})"
    return text if max(found) < 1 or min(found) > 1 else f"{text}, no proven difference"


def against_spread(turns: Sequence[Turn], spread: Sequence[Turn]) -> list[float]:
    """Return the calls per second of each round in proportion to those of the spread load."""
    usual = {turn.round: turn.calls_per_second for turn in spread}
    return [t.calls_per_second / usual[t.round] for t in turns if usual.get(t.round)]


def _works(results: Results) -> Iterator[str]:
    for load in results.plan.loads:
        works = [work for work in results.works if work.load == load]
        for name in dict.fromkeys(work.contestant for work in works):
            speeds = [work.rows_per_second for work in works if work.contestant == name]
            covered = sum(work.covered for work in works if work.contestant == name)
            yield (
                f"{name}, {LOADS[load].during} while calls went on: {middle(speeds):,.0f} rows/s"
                f" ({min(speeds):,.0f} to {max(speeds):,.0f}); it went on to the end of {covered} of"
                f" {len(speeds)} turns"
            )


def _counters(results: Results) -> Iterator[str]:
    if not results.costs:
        return
    yield ""
    yield "One call at a time: statements, round trips and blocks of PostgreSQL, exact"
    yield _row("", ("tickets", "call", "statements", "trips", "blocks"))
    for cost in results.costs:
        cells = (f"{cost.groups * 10:,}", cost.kind, f"{cost.statements:g}", f"{cost.trips:g}")
        yield _row(cost.contestant, (*cells, f"{cost.blocks:.1f}"))
    for name, share in results.hot_updates.items():
        yield f"HOT updates of {name}: {share:.1%}"


def _latencies(results: Results) -> Iterator[str]:
    if not results.samples:
        return
    yield ""
    yield "Latency in ms at a share of the own saturation, from the moment at which a call was due"
    yield _row("", ("share", "calls/s", "p50", "p95", "p99", "p99 least", "p99 most"))
    keys = dict.fromkeys((sample.contestant, sample.share) for sample in results.samples)
    for name, share in sorted(keys, key=lambda key: (key[1] != HALF, key)):
        samples = [s for s in results.samples if (s.contestant, s.share) == (name, share)]
        last = [sample.latencies.p99 for sample in samples]
        numbers = (
            middle([sample.rate for sample in samples]),
            middle([sample.latencies.p50 for sample in samples]),
            middle([sample.latencies.p95 for sample in samples]),
            *(middle(last), min(last), max(last)),
        )
        bad = sum(sample.latencies.unexpected + sample.latencies.late for sample in samples)
        cells = [f"{share:.0%}", *(f"{number:,.1f}" for number in numbers)]
        yield _row(name, cells) + (f"  {bad} late or unexpected" if bad else "")


def _end(results: Results) -> Iterator[str]:
    yield ""
    for name, found in results.differences.items():
        yield f"Audit of {name}: " + ("everything agrees." if not found else "DIFFERENCES:")
        yield from (f"  {line}" for line in found)
    others = middle([turn.others for turn in results.turns])
    yield (
        f"Other programs and machines used {others:.2f} of {results.machine['cores']} cores"
        " (median of all turns). Only ratios within a run mean anything."
    )
