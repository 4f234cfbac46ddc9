"""Charts of a summary of the bench, as SVG without scripts or inline styles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 62, 388, 14, 196  # of the area of a chart with axes
HEIGHT = 236
BAR, STEP = 14, 44
COLOURS = 6  # the style sheet has that many
# For files that are opened on their own.
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1c2330; } .axis { stroke: #9aa3b0; }
.range { stroke: #1c2330; stroke-width: 1.5; } polyline { fill: none; stroke-width: 2; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.c0 { fill: #0b57b0; stroke: #0b57b0; } .c1 { fill: #b3541e; stroke: #b3541e; }
.c2 { fill: #146c3a; stroke: #146c3a; } .c3 { fill: #7a3fa0; stroke: #7a3fa0; }
.c4 { fill: #8a6d00; stroke: #8a6d00; } .c5 { fill: #5a6475; stroke: #5a6475; }
polyline.c0, polyline.c1, polyline.c2, polyline.c3, polyline.c4, polyline.c5 { fill: none; }
text.c0, text.c1, text.c2, text.c3, text.c4, text.c5 { stroke: none; }
"""
Point = tuple[float, float]


def charts(summary: dict[str, Any]) -> dict[str, SafeString]:
    """Return the charts for which the summary has figures, by name."""
    found = {
        "ladder": ladder(summary),
        "latency": latency(summary),
        "cost": cost(summary),
    }
    return {name: chart for name, chart in found.items() if chart}


def standalone(chart: SafeString) -> str:
    """Return a chart as the text of a file."""
    opened = chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opened.replace("</title>", f"</title><style>{STYLE}</style>", 1) + "\n"


def ladder(summary: dict[str, Any]) -> SafeString | None:
    """Return the calls per second of all contestants under the spread load, as bars."""
    rows: list[dict[str, Any]] = next(
        (load["rows"] for load in summary["loads"] if load["name"] == "spread"), []
    )
    if not rows:
        return None
    colours = colours_of(summary)
    rows = sorted(rows, key=lambda row: row["calls_per_second"]["median"], reverse=True)
    scale = (RIGHT - 4) / max(row["calls_per_second"]["most"] or 1 for row in rows)
    bars = format_html_join(
        "",
        '<text x="4" y="{}">{}</text><text class="end" x="396" y="{}">{}</text>'
        '<rect class="{}" x="4" y="{}" width="{}" height="{}" />'
        '<path class="range" d="M{} {}H{}" />',
        (
            (
                *(number * STEP + 14, summary["contestants"][row["contestant"]]),
                *(number * STEP + 14, f"{row['calls_per_second']['median']:,.0f}"),
                colours[row["contestant"]],
                number * STEP + 20,
                _short(row["calls_per_second"]["median"] * scale),
                BAR,
                _short(4 + row["calls_per_second"]["least"] * scale),
                number * STEP + 20 + BAR // 2,
                _short(4 + row["calls_per_second"]["most"] * scale),
            )
            for number, row in enumerate(rows)
        ),
    )
    words = "Calls per second of each contestant; the lines reach from the least round to the most"
    return _svg(words, len(rows) * STEP, bars)


def latency(summary: dict[str, Any]) -> SafeString | None:
    """Return the 99th percentile of latency against the load, in a logarithmic scale."""
    names = dict.fromkeys(row["contestant"] for row in summary["latencies"])
    lines = {
        name: sorted(
            (row["share"], row["p99"]["median"])
            for row in summary["latencies"]
            if row["contestant"] == name and row["p99"]["median"] > 0
        )
        for name in names
    }
    values = [value for points in lines.values() for _, value in points]
    if not values:
        return None
    least = 10 ** math.floor(math.log10(min(values)))
    most = 10 ** math.ceil(math.log10(max(values) * 1.01))
    height = (BOTTOM - TOP) / math.log10(most / least)
    placed = {
        name: [
            (LEFT + share * (RIGHT - LEFT), BOTTOM - math.log10(value / least) * height)
            for share, value in points
        ]
        for name, points in lines.items()
    }
    marks = [least * 10**power for power in range(round(math.log10(most / least)) + 1)]
    rungs = [(BOTTOM - math.log10(mark / least) * height, f"{mark:,g} ms") for mark in marks]
    shares = sorted({row["share"] for row in summary["latencies"]})
    ticks = [(LEFT + share * (RIGHT - LEFT), f"{share:.0%}") for share in shares]
    words = "99th percentile of latency against the load, as a share of the own saturation"
    return _with_axes(words, summary, placed, rungs, ticks)


def cost(summary: dict[str, Any]) -> SafeString | None:
    """Return the blocks that a hold of the first contestant touches, against the tickets."""
    first = next(iter(summary["contestants"]))
    points = [
        (row["tickets"], row["blocks"])
        for row in summary["costs"]
        if (row["contestant"], row["call"]) == (first, "hold")
    ]
    if not points:
        return None
    most = max(blocks for _, blocks in points) * 1.1 or 1
    lowest, highest = math.log10(points[0][0]), math.log10(points[-1][0])
    width = (RIGHT - LEFT - 40) / ((highest - lowest) or 1)
    placed = [
        (
            LEFT + 20 + (math.log10(tickets) - lowest) * width,
            BOTTOM - blocks / most * (BOTTOM - TOP),
        )
        for tickets, blocks in points
    ]
    step = nice(most / 4)
    rungs = [
        (BOTTOM - step * number / most * (BOTTOM - TOP), f"{step * number:g}")
        for number in range(int(most / step) + 1)
    ]
    ticks = [(x, f"{tickets:,}") for (x, _), (tickets, _) in zip(placed, points, strict=True)]
    return _with_axes(
        "Blocks of PostgreSQL that a hold touches, against the number of tickets",
        summary,
        {first: placed},
        rungs,
        ticks,
    )


def nice(step: float) -> float:
    """Return the next number above of the form 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(step))
    return next(float(factor * power) for factor in (1, 2, 5, 10) if factor * power >= step)


def colours_of(summary: dict[str, Any]) -> dict[str, str]:
    """Return the class of the colour of each contestant."""
    return {name: f"c{i % COLOURS}" for i, name in enumerate(summary["contestants"])}


def _with_axes(
    words: str,
    summary: dict[str, Any],
    lines: Mapping[str, Sequence[Point]],
    rungs: Iterable[tuple[float, str]],
    ticks: Iterable[tuple[float, str]],
) -> SafeString:
    colours = colours_of(summary)
    drawn = [
        format_html_join(
            "",
            '<path class="axis" d="M{} {}H{}" /><text class="end" x="{}" y="{}">{}</text>',
            ((LEFT, _short(y), RIGHT, LEFT - 4, _short(y + 4), text) for y, text in rungs),
        ),
        format_html_join(
            "",
            '<text class="middle" x="{}" y="{}">{}</text>',
            ((_short(x), BOTTOM + 16, text) for x, text in ticks),
        ),
    ]
    for name, points in lines.items():
        path = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        dots = format_html_join(
            "",
            '<circle class="{}" cx="{}" cy="{}" r="3" />',
            ((colours[name], _short(x), _short(y)) for x, y in points),
        )
        drawn += [format_html('<polyline class="{}" points="{}" />', colours[name], path), dots]
    share = (RIGHT - 4) / max(len(lines), 1)
    drawn.append(
        format_html_join(
            "",
            '<text class="{}" x="{}" y="{}">{}</text>',
            (
                (colours[name], _short(4 + number * share), HEIGHT - 6, name)
                for number, name in enumerate(lines)
            ),
        )
    )
    return _svg(words, HEIGHT, format_html_join("", "{}", ((part,) for part in drawn)))


def _svg(words: str, height: int, content: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img"><title>{}</title>{}</svg>',
        *(WIDTH, height, words, content),
    )


def _short(number: float) -> str:
    return f"{number:.1f}"
