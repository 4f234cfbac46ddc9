"""The public documentation pages: the calls and their answers, the problems, and the API document.

They are made from the OpenAPI document and from PROBLEMS, which the answers are made from too.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from automator.api import schema
from automator.api.exception_handler import AnswerRenderer
from automator.api.negotiation import ContentNegotiation
from automator.api.parsers import MOST_BYTES
from automator.api.problems import ANYWHERE, MEDIA_TYPE, PROBLEMS, WITH_BODY, Problem

# The pages and the document change only with the code, so browsers may cache them for a while.
CACHE_CONTROL = "public, max-age=300"
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
        "outside": PROBLEMS[code] in schema.OUTSIDE.values(),
    }
    return render(request, "docs/error.html", facts)


def contract(request: HttpRequest) -> HttpResponse:
    """The contract: what a marketplace may rely on, call by call and state by state."""
    return render(request, "docs/contract.html")


def interactive(request: HttpRequest) -> HttpResponse:
    """Show the interactive OpenAPI document, which loads no file from another host."""
    return render(request, "docs/interactive.html")


class FormatInQuery(ContentNegotiation):
    """Lets `?format=json` or `?format=yaml` take precedence over the Accept header."""

    def select_renderer(
        self,
        request: Any,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer, and the media type of the answer.

        Raises:
            NotAcceptable: the query or the Accept header names no format of the document.
        """
        wanted = request.query_params.get("format")
        found = [renderer for renderer in renderers if wanted in {None, renderer.format}]
        if not found:
            raise NotAcceptable
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, found, format_suffix)
        return chosen


class Document(SpectacularAPIView):
    """The OpenAPI document in YAML or JSON, without a key. Its errors are problems as well."""

    content_negotiation_class = FormatInQuery
    throttle_classes = ()

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the cached document, or 304 if the caller already has it."""
        renderer = request.accepted_renderer
        body = rendered(renderer.media_type)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        answer = HttpResponse(body, content_type=renderer.media_type + charset)
        answer["Content-Disposition"] = f'inline; filename="openapi.{renderer.format}"'
        answer["ETag"] = tag
        answer["Cache-Control"] = CACHE_CONTROL
        patch_vary_headers(answer, ["Accept"])
        return get_conditional_response(request._request, etag=tag, response=answer) or answer

    def handle_exception(self, exc: Exception) -> Response:
        """Return a problem in JSON, whichever renderer was negotiated."""
        self.request.accepted_renderer = AnswerRenderer()
        self.request.accepted_media_type = AnswerRenderer.media_type
        return super().handle_exception(exc)


_making = threading.RLock()  # so that concurrent requests do not each make the document


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def _rendered(media_type: str) -> bytes:
    (renderer,) = (each for each in Document.renderer_classes if each.media_type == media_type)
    made: bytes = renderer().render(_document(), media_type, {})
    return made


def rendered(media_type: str) -> bytes:
    """Return the OpenAPI document in a media type. It is rendered once for each process."""
    with _making:
        return _rendered(media_type)


def document() -> dict[str, Any]:
    """Return the OpenAPI document. It is made once for each process and must not be modified."""
    with _making:
        return _document()


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
