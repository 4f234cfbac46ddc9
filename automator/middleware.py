"""The middleware around all requests: request id, deadline, access log, and HTTPS for the API."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve

from automator import logs
from automator.api import exception_handler, problems
from automator.api.authentication import caller_address
from inventory import deadlines
from inventory.transactions import limited_statements

logger = logging.getLogger("automator.access")

READY = "/readyz"
SANE_ID = re.compile(r"[A-Za-z0-9._:+=@-]{1,128}")
# Scripts and styles come only from our own files, so that text injected into a page cannot run. The
# interactive document has icons in data: URLs.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class RequestMiddleware:
    """Gives each request an id, bounds the time of API calls, and writes the access log.

    The id is the one that the caller sent, if it is valid. The answer contains it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.call: Any = convert_exception_to_response(call)
        self.security = SecurityMiddleware(get_response)
        self.frames = XFrameOptionsMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        request.id = sane_id(request.headers.get("X-Request-Id", ""))  # type: ignore[attr-defined]
        with logs.of_request(request.id) as records:  # type: ignore[attr-defined]
            response = self.answer(request)
            response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
            if response.get("Content-Type", "").startswith("text/html"):
                response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            # A shared cache could otherwise send the answer to another caller.
            if exception_handler.is_api(request):
                response.setdefault("Cache-Control", "no-store")
            facts = {
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - start) * 1000, 1),
                "address": caller_address(request),
                "key_id": getattr(request, "key_id", ""),
            }
            if code := getattr(request, "problem_code", ""):
                facts["code"] = code
            write_line(facts, records)
            # Without this mark of Django's, it would log a 5xx answer once more.
            response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
            return response

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the answer to a request, or the refusal of an API call over plain HTTP."""
        request.encoding = "utf-8"  # decoding by another charset, which no browser sends, can fail
        plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if plain and exception_handler.is_api(request):
            refusal = exception_handler.response(request, problems.HTTPS_REQUIRED)
            refusal["Content-Length"] = str(len(refusal.content))  # as CommonMiddleware would
            return refusal
        if exception_handler.is_api(request):
            return self.secured(request, self.in_time(request, self.call))
        if request.path_info.rstrip("/") == READY:
            return self.in_time(request, self.get_response)
        return self.get_response(request)

    def secured(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the headers to an answer of the API that the middleware of pages adds to pages."""
        response["Content-Length"] = str(len(response.content))
        self.frames.process_response(request, response)
        self.security.process_response(request, response)
        return response

    def in_time(
        self, request: HttpRequest, get_response: Callable[[HttpRequest], HttpResponse]
    ) -> HttpResponse:
        """Return the answer by the deadline of a call, even if the database does not respond.

        A request that waited for a thread until its deadline is answered 503 at once, so that it
        does not delay the requests behind it. It has changed nothing.
        """
        with deadlines.within(deadlines.CALL_SECONDS - deadlines.queued.get()):
            if not deadlines.left():
                return exception_handler.response(request, problems.UNAVAILABLE)
            with limited_statements():
                return get_response(request)


def call(request: HttpRequest) -> HttpResponse:
    """Answer a request for a path of the API.

    It skips the middleware after this one, which only pages need: static files, sessions, users,
    forms and messages take a fifth of a call's time.

    Raises:
        DisallowedHost: the header Host names a host that this service does not have.
    """
    request.get_host()
    match = resolve(request.path_info)
    request.resolver_match = match
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    if not getattr(response, "is_rendered", True):
        response.render()  # type: ignore[attr-defined]
    return response


def sane_id(sent: str) -> str:
    """Return the request id that the caller sent, if it is valid, or a new one."""
    return sent if SANE_ID.fullmatch(sent) else uuid4().hex


def write_line(facts: dict[str, Any], records: list[logging.LogRecord]) -> None:
    """Write the access log line of a request, including what was logged during the request.

    Args:
        facts: the attributes of the line.
        records: the records of the request. The error of the first one is written, since it is
            the most specific; Django may add a general one.
    """
    level, fault = logging.INFO, None
    if records:
        level = max(record.levelno for record in records)
        fault = next((record.exc_info for record in records if record.exc_info), None)
        facts["error"] = logs.error_of(records[0])
    logger.log(level, "%(method)s %(path)s %(status)s", facts, extra=facts, exc_info=fault)
