"""The public documentation pages: the calls and their answers, the problems, and the contract.

They are made from the OpenAPI document and from PROBLEMS, which the answers are made from too.
"""

import json
import re
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from automator.api import schema
from automator.api.parsers import MOST_BYTES
from automator.api.problems import ANYWHERE, MEDIA_TYPE, PROBLEMS, WITH_BODY, Problem
from automator.api.schema_components import OUTSIDE
from automator.api.schema_view import CACHE_CONTROL, document

# A placeholder for the address of the service in the cached page.
BASE = "https://service.invalid"
COMMON = {problem.code for problem in (*ANYWHERE, *WITH_BODY)}


class Success(NamedTuple):
    """A successful answer of a call.

    `headers` are those that not every answer has, each with its meaning. `body` is empty if it
    equals the body of the previous answer.
    """

    status: str
    meaning: SafeString
    headers: list[tuple[str, SafeString]]
    body: str


class Explained(NamedTuple):
    """A problem as a row of a table."""

    status: int
    code: str
    title: str
    meaning: SafeString
    repeat: str


class Call(NamedTuple):
    """A call as the page documents it: how to make it, and its possible answers.

    `sent` is the example body, or empty if the call needs none. `own` are the problems that are
    specific to this call; `common` are those that most calls share.
    """

    name: str
    anchor: str
    method: str
    path: str
    description: list[SafeString]
    example_path: str
    sent: str
    successes: list[Success]
    own: list[Explained]
    common: list[Explained]


def home(request: HttpRequest) -> HttpResponse:
    """Redirect from the root of the service to its documentation."""
    return redirect("docs")


def calls(request: HttpRequest) -> HttpResponse:
    """Show all calls and their answers, with the address that the request was sent to."""
    base = request.build_absolute_uri("/").rstrip("/")
    answer = HttpResponse(calls_page().replace(BASE, escape(base)))
    answer["Cache-Control"] = CACHE_CONTROL
    return answer


@cache
def calls_page() -> str:
    """Return the page of all calls, which is rendered once for each process.

    Only the address of the service varies between requests, so it is a placeholder here.
    """
    facts = {
        "base": BASE,
        "calls": documented_calls(),
        "problems": sorted(map(explain, PROBLEMS.values())),
        "most_kibibytes": MOST_BYTES // 1024,
    }
    return render_to_string("docs/calls.html", facts)


def error(request: HttpRequest, code: str) -> HttpResponse:
    """Show the page of a problem, which is the one that its `type` names.

    Raises:
        Http404: there is no problem with that code.
    """
    if code not in PROBLEMS:
        raise Http404
    explained = explain(PROBLEMS[code])
    facts = {
        "problem": explained,
        "example": readable(schema.example_of(PROBLEMS[code])),
        "calls": [call for call in documented_calls() if explained in (*call.own, *call.common)],
        "outside": PROBLEMS[code] in OUTSIDE.values(),
    }
    return render(request, "docs/error.html", facts)


def contract(request: HttpRequest) -> HttpResponse:
    """Show the contract: what a marketplace may rely on, call by call and state by state."""
    return render(request, "docs/contract.html", {"version": settings.VERSION})


def interactive(request: HttpRequest) -> HttpResponse:
    """Show the interactive OpenAPI document, which loads no file from another host."""
    return render(request, "docs/interactive.html")


@cache
def documented_calls() -> list[Call]:
    """Return the calls of the OpenAPI document."""
    return [
        _call(path, method, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def _call(path: str, method: str, operation: dict[str, Any]) -> Call:
    answers = operation["responses"]
    refused = [answer for answer in answers.values() if MEDIA_TYPE in answer["content"]]
    found = [
        explain(PROBLEMS[code])
        for answer in refused
        for code in answer["content"][MEDIA_TYPE]["examples"]
    ]
    return Call(
        name=operation["summary"],
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        description=[prose(part) for part in operation["description"].split("\n\n")],
        example_path=path.format(**schema.example_of_success(operation)),
        sent=_sent(operation),
        successes=_successes(
            {status: answer for status, answer in answers.items() if answer not in refused}
        ),
        own=[problem for problem in found if problem.code not in COMMON],
        common=[problem for problem in found if problem.code in COMMON],
    )


def _successes(answers: dict[str, dict[str, Any]]) -> list[Success]:
    successes: list[Success] = []
    for status, answer in answers.items():
        body = readable(schema.example_of_answer(answer))
        success = Success(
            status=status,
            meaning=prose(answer["description"]),
            headers=[
                (name, prose(header["description"]))
                for name, header in answer["headers"].items()
                if name != "X-Request-Id"
            ],
            body="" if successes and successes[-1].body == body else body,
        )
        successes.append(success)
    return successes


def _sent(operation: dict[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
    return json.dumps(example["value"])


def readable(body: dict[str, Any]) -> str:
    """Format a JSON object with one member on each line, and lists of plain values on one line."""
    return re.sub(
        r"\[([^\[\]{}]+)\]",
        lambda plain: f"[{' '.join(plain[1].split())}]",
        json.dumps(body, indent=2),
    )


def explain(problem: Problem) -> Explained:
    """Return a problem as a row of a table."""
    wait = f", after {problem.retry_after} s" if problem.retry_after else ""
    return Explained(
        status=problem.status,
        code=problem.code,
        title=problem.title,
        meaning=prose(problem.meaning),
        repeat=f"yes{wait}" if problem.retryable else "no",
    )


def prose(text: str) -> SafeString:
    """Convert a text to HTML, with the parts between backticks as code."""
    parts = enumerate(" ".join(text.split()).split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if i % 2 else part,) for i, part in parts)
    )
