"""The summary of a run as tables of text."""

from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 11
ENOUGH_ROUNDS = 5


def tables(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of all tables."""
    for load in summary["loads"]:
        yield from _load(summary, load)
    for work in summary["works"]:
        speed = work["rows_per_second"]
        yield (
            f"{work['contestant']}, {work['load']} while calls went on: {speed['median']:,.0f}"
            f" rows/s ({speed['least']:,.0f} to {speed['most']:,.0f}); it went on to the end of"
            f" {work['covered']} of {work['turns']} turns"
        )
    yield from _costs(summary)
    yield from _latencies(summary)
    yield ""
    for name, found in summary["differences"].items():
        yield f"Audit of {name}: " + ("DIFFERENCES:" if found else "everything agrees.")
        yield from (f"  {line}" for line in found)
    yield from quietness(summary)


def quietness(summary: dict[str, Any]) -> Iterator[str]:
    """Yield how far the figures can be trusted."""
    taken = summary["yardstick_ms"]
    uneven = taken["most"] / taken["least"] if taken["least"] else 0.0
    yield (
        f"Other programs used {summary['others']['median']:.2f} of {summary['machine']['cores']}"
        f" cores (median of all turns), and fixed work took up to {uneven:.1f} times its least CPU"
        " time."
    )
    if not summary["quiet"]:
        yield "THE MACHINE WAS NOT QUIET: only statements and round trips can be relied on."
    yield "Only ratios within one run mean anything."


def row(name: str, cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f"{name:<{WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)


def compared(ratio: dict[str, float], rounds: int) -> str:
    """Return a ratio as text, with a note unless all of enough rounds lie on one side of 1.

    Of two contestants that are equally quick, five rounds agree by chance in one run of sixteen.
    """
    text = f"{ratio['median']:.3f} ({ratio['least']:.3f} to {ratio['most']:.3f})"
    proven = rounds >= ENOUGH_ROUNDS and (ratio["most"] < 1 or ratio["least"] > 1)
    return text if proven else f"{text}, no proven difference"


def _load(summary: dict[str, Any], load: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{load['title']}: medians of {summary['rounds']} rounds of {summary['seconds']} s"
    heads = ("calls/s", "CPU ms", "Python", "PostgreSQL", "least CPU", "WAL bytes", "others")
    yield row("", heads)
    for each in load["rows"]:
        cells = (
            f"{each['calls_per_second']['median']:,.0f}",
            f"{each['cpu_ms']['median']:.3f}",
            f"{each['python_ms']['median']:.3f}",
            f"{each['postgres_ms']['median']:.3f}",
            f"{each['cpu_ms']['least']:.3f}",
            f"{each['wal_bytes']['median']:,.0f}",
            f"{each['others']['median']:.2f}",
        )
        bad = f"  {each['unexpected']} unexpected answers" if each["unexpected"] else ""
        yield row(each["contestant"], cells) + bad
    first = next(iter(summary["contestants"]))
    for each in load["rows"]:
        if "ratio" in each:
            rounds = summary["rounds"]
            yield f"{first} : {each['contestant']} = {compared(each['ratio'], rounds)}"
            if each["cpu_ratio"]["median"]:
                yield f"  by CPU per call {compared(each['cpu_ratio'], rounds)}"
    for each in load["rows"]:
        if "to_spread" in each:
            ratio = compared(each["to_spread"], summary["rounds"])
            yield f"{each['contestant']} : its spread load = {ratio}"


def _costs(summary: dict[str, Any]) -> Iterator[str]:
    if summary["costs"]:
        yield ""
        yield "One call at a time: statements and round trips (exact), and blocks (an average)"
        yield row("", ("tickets", "call", "statements", "trips", "blocks"))
    for cost in summary["costs"]:
        cells = (f"{cost['tickets']:,}", cost["call"], f"{cost['statements']:g}")
        yield row(cost["contestant"], (*cells, f"{cost['trips']:g}", f"{cost['blocks']:.1f}"))
    for name, share in summary["hot_updates"].items():
        yield f"HOT updates of {name} by these calls: {share:.1%}"


def _latencies(summary: dict[str, Any]) -> Iterator[str]:
    if summary["latencies"]:
        yield ""
        yield (
            "Latency in ms at a share of the own saturation, from the moment at which a call was"
            " due: medians of the rounds"
        )
        yield row("", ("share", "calls/s", "p50", "p95", "p99", "p99 least", "p99 most"))
    for each in summary["latencies"]:
        numbers = (
            *(each["rate"], each["p50"]["median"], each["p95"]["median"], each["p99"]["median"]),
            *(each["p99"]["least"], each["p99"]["most"]),
        )
        bad = f"  {each['bad']} late or unexpected" if each["bad"] else ""
        cells = [f"{each['share']:.0%}", *(f"{number:,.1f}" for number in numbers)]
        yield row(each["contestant"], cells) + bad
