"""Around every request: its id, its line in the access log, and what only HTTPS may carry."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from automator import logs, problem_answers, problems

logger = logging.getLogger("automator.access")

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
        sent = request.headers.get("X-Request-Id", "")
        request.id = sent if SANE_ID.fullmatch(sent) else uuid4().hex  # type: ignore[attr-defined]
        token = logs.request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.answer(request)
            response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
            if response.get("Content-Type", "").startswith("text/html"):
                response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            # A cache on the way would answer one caller for another.
            if problem_answers.is_api(request):
                response.setdefault("Cache-Control", "no-store")
            facts = {
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - start) * 1000, 1),
                "key_id": getattr(request, "key_id", ""),
            }
            logger.info("%(method)s %(path)s %(status)s", facts, extra=facts)
            return response
        finally:
            logs.request_id.reset(token)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer of the project, or the refusal of an API call over plain HTTP."""
        request.encoding = "utf-8"  # another charset, which no browser sends, can fail to decode
        plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if plain and problem_answers.is_api(request):
            refusal = problem_answers.response(request, problems.HTTPS_REQUIRED)
            refusal["Content-Length"] = str(len(refusal.content))  # as CommonMiddleware would
            return refusal
        return self.get_response(request)
