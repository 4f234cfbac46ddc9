"""Around every request: its id, its line in the access log, and what only HTTPS may carry."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from automator import logs, problems

logger = logging.getLogger("automator.access")

SANE_ID = re.compile(r"[A-Za-z0-9._:+=@-]{1,128}")
# Nothing comes from another host; the admin and the docs page style elements in place.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
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
        plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if plain and problems.is_api(request):
            return problems.response(request, problems.HTTPS_REQUIRED)
        return self.get_response(request)
