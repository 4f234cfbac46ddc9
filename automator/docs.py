"""The public pages: every response code of every call, each problem, the interactive document."""

from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from automator.problems import MEDIA_TYPE, PROBLEMS


class Interactive(SpectacularSwaggerSplitView):
    """The OpenAPI document to try out, from this server's own files."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


def home(request: HttpRequest) -> HttpResponse:
    """Somebody who typed the host name reads what this is."""
    return redirect("docs")


def calls(request: HttpRequest) -> HttpResponse:
    """Every answer of every call, as the OpenAPI document has them."""
    problems = sorted(PROBLEMS.values(), key=lambda problem: (problem.status, problem.code))
    return render(request, "docs/calls.html", {"calls": documented_calls(), "problems": problems})


def error(request: HttpRequest, code: str) -> HttpResponse:
    """The page that a problem's `type` names."""
    if code not in PROBLEMS:
        raise Http404
    found = [
        call
        for call in documented_calls()
        if any(answer["code"] == code for answer in call["answers"])
    ]
    return render(request, "docs/error.html", {"problem": PROBLEMS[code], "calls": found})


@cache
def documented_calls() -> list[dict[str, Any]]:
    """The calls of the OpenAPI document with a row for each answer."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return [
        {
            "name": operation["summary"],
            "anchor": operation["operationId"],
            "method": method.upper(),
            "path": path,
            "description": operation.get("description", ""),
            "answers": [
                row for status in operation["responses"] for row in _rows(operation, status)
            ],
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _rows(operation: dict[str, Any], status: str) -> list[dict[str, Any]]:
    answer = operation["responses"][status]
    if MEDIA_TYPE not in answer["content"]:
        return [{"status": status, "code": "", "meaning": answer["description"]}]
    return [
        {
            "status": status,
            "code": code,
            "meaning": PROBLEMS[code].meaning,
            "problem": PROBLEMS[code],
        }
        for code in answer["content"][MEDIA_TYPE]["examples"]
    ]
