"""The page /docs/speed/: the results of the last published run of the bench."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime

from automator.speed.charts import charts

RESULTS = Path(__file__).with_name("results.json")
# Pages change only with the code, so browsers may cache them for a while.
CACHE_CONTROL = "public, max-age=300"


def speed(request: HttpRequest) -> HttpResponse:
    """Show the published results, or how to measure if there are none."""
    answer = render(request, "docs/speed.html", facts())
    answer["Cache-Control"] = CACHE_CONTROL
    return answer


@cache
def facts() -> dict[str, Any]:
    """Return what the page shows. The file is read once for each process."""
    if not RESULTS.exists():
        return {"summary": None}
    summary = json.loads(RESULTS.read_text())
    return {
        "summary": summary,
        "started": parse_datetime(summary["started"]),
        "gibibytes": round(summary["machine"]["memory_mebibytes"] / 1024),
        "charts": charts(summary),
        "first": next(iter(summary["contestants"])),
        "agrees": not any(summary["differences"].values()),
    }
