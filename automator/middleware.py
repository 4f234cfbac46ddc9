"""Around every request: its id, its deadline, its line in the access log, and HTTPS for the API."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from automator import logs
from automator.api import exception_handler, problems
from automator.api.authentication import caller_address
from inventory import deadlines
from inventory.transactions import limited_statements

logger = logging.getLogger("automator.access")

READY = "/readyz"
SANE_ID = re.compile(r"[A-Za-z0-9._:+=@-]{1,128}")
# Scripts and styles come from files of our own, so that text which found its way into a page runs
# nothing. The interactive document draws its icons from data: addresses.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class RequestMiddleware:
    """Gives every request an id (the caller's own if it is sane) and every answer that id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        request.id = sane_id(request.headers.get("X-Request-Id", ""))  # type: ignore[attr-defined]
        with logs.of_request(request.id) as records:  # type: ignore[attr-defined]
            response = self.answer(request)
            response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
            if response.get("Content-Type", "").startswith("text/html"):
                response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            # A cache on the way would answer one caller for another.
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
            # Django's own mark: it would log an answer of 5xx that no exception made once more.
            response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
            return response

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer of the project, or the refusal of an API call over plain HTTP."""
        request.encoding = "utf-8"  # another charset, which no browser sends, can fail to decode
        plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if plain and exception_handler.is_api(request):
            refusal = exception_handler.response(request, problems.HTTPS_REQUIRED)
            refusal["Content-Length"] = str(len(refusal.content))  # as CommonMiddleware would
            return refusal
        if exception_handler.is_api(request) or request.path_info.rstrip("/") == READY:
            return self.in_time(request)
        return self.get_response(request)

    def in_time(self, request: HttpRequest) -> HttpResponse:
        """The answer of the project, by the deadline of a call whatever the database does.

        A request that has waited for a thread until its deadline is answered at once. It has done
        nothing, and the requests behind it would wait for it.
        """
        with deadlines.within(deadlines.CALL_SECONDS - deadlines.queued.get()):
            if not deadlines.left():
                return exception_handler.response(request, problems.UNAVAILABLE)
            with limited_statements():
                return self.get_response(request)


def sane_id(sent: str) -> str:
    """The caller's own request id where it is a sane one, or a new one."""
    return sent if SANE_ID.fullmatch(sent) else uuid4().hex


def write_line(facts: dict[str, Any], records: list[logging.LogRecord]) -> None:
    """Write the line of a request, with what was logged about it meanwhile: one line in all.

    The first record is the nearest to the cause; Django adds one that says less.
    """
    level, fault = logging.INFO, None
    if records:
        level = max(record.levelno for record in records)
        fault = next((record.exc_info for record in records if record.exc_info), None)
        facts["error"] = logs.error_of(records[0])
    logger.log(level, "%(method)s %(path)s %(status)s", facts, extra=facts, exc_info=fault)
