"""gunicorn's threaded worker, with the waiting time of requests and errors in JSON."""

import re
import time
from http import HTTPStatus
from logging import ERROR, WARNING, getLogger
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ConfigurationProblem,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from inventory import deadlines

logger = getLogger("automator.access")

# These are faults of the service, although gunicorn derives them from ParseException.
OWN_FAULTS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers requests that Django cannot read, or fails on, with a problem of the contract.

    The time that a request waits for a thread counts towards its deadline.
    """

    def enqueue_req(self, conn: Any) -> None:
        """Queue a connection with a request for the threads, and record the time."""
        conn.queued_at = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Serve a request in a thread."""
        deadlines.queued.set(time.monotonic() - conn.queued_at)
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer bytes that are not an HTTP request with 400, 414 or 431, other errors with 500.

        `req` is None if no request could be read. gunicorn closes the connection afterwards.
        """
        # Django is not yet set up when gunicorn's master process imports this module.
        from automator import logs, middleware  # noqa: PLC0415
        from automator.api import exception_handler, problems  # noqa: PLC0415

        headers = dict(getattr(req, "headers", ()))
        request_id = middleware.sane_id(headers.get("X-REQUEST-ID", ""))
        members: dict[str, Any] = {}
        problem = problems.INTERNAL_ERROR
        if isinstance(exc, ParseException) and not isinstance(exc, OWN_FAULTS):
            problem = problems.NO_REQUEST[status_of(exc)]
            members = exception_handler.malformed(f"{problem.title}: {in_words(exc)}.")
        answer = exception_handler.response(None, problem, **members, request_id=request_id)
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"Content-Type: {problems.MEDIA_TYPE}\r\n"
            f"Content-Length: {len(answer.content)}\r\n"
            f"X-Request-Id: {request_id}\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        body = b"" if getattr(req, "method", "") == "HEAD" else answer.content
        facts = {
            "status": problem.status,
            "code": problem.code,
            "error": str(exc)[:200],
            "address": addr[0] if isinstance(addr, tuple) else "",
            "method": getattr(req, "method", ""),
            "path": getattr(req, "path", ""),
        }
        fault = problem is problems.INTERNAL_ERROR
        token = logs.request_id.set(request_id)
        logger.log(
            ERROR if fault else WARNING,
            "no HTTP request: %(status)s" if not fault else "%(method)s %(path)s %(status)s",
            facts,
            extra=facts,
            exc_info=exc if fault else None,
        )
        logs.request_id.reset(token)
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError as error:
            self.log.debug("The caller has disconnected: %s", error)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Close the connection if the unread rest of a body is not valid HTTP.

        The request has been answered by then. Without this, gunicorn would answer it again.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False


def status_of(error: ParseException) -> int:
    """Return the status for bytes that gunicorn cannot parse."""
    if isinstance(error, LimitRequestLine):
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if isinstance(error, LimitRequestHeaders):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.BAD_REQUEST


def in_words(error: ParseException) -> str:
    """Return the name of an error of gunicorn in words.

    Its message is not used, since it may quote a secret that was sent.
    """
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
