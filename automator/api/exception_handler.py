"""Error responses under /api: every exception is mapped to a problem of `problems.py`."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.http import Http404 as DjangoNotFound
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from automator.api.parsers import BodyTooLarge
from automator.api.problems import (
    ADDRESS_NOT_ALLOWED,
    BODY_TOO_LARGE,
    BUSY,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OUTCOME_UNKNOWN,
    PROBLEMS,
    RATE_LIMITED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from holds.serializers import InstantField
from inventory.errors import Refusal
from inventory.transactions import BUSY_STATES, OutcomeUnknown

logger = logging.getLogger("automator.api.problems")

_OF_FRAMEWORK: dict[type[Exception], Problem] = {
    exceptions.ParseError: INVALID_REQUEST,
    exceptions.ValidationError: INVALID_REQUEST,
    exceptions.NotAuthenticated: UNAUTHENTICATED,
    exceptions.AuthenticationFailed: UNAUTHENTICATED,
    exceptions.PermissionDenied: ADDRESS_NOT_ALLOWED,
    exceptions.NotFound: NOT_FOUND,
    DjangoNotFound: NOT_FOUND,
    exceptions.MethodNotAllowed: METHOD_NOT_ALLOWED,
    exceptions.NotAcceptable: NOT_ACCEPTABLE,
    exceptions.UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE,
    exceptions.Throttled: RATE_LIMITED,
    BodyTooLarge: BODY_TOO_LARGE,
    UnreadablePostError: INVALID_REQUEST,  # the caller has disconnected and reads no answer
    OutcomeUnknown: OUTCOME_UNKNOWN,
}
_READ_ONLY_STATE = "25006"


class AnswerRenderer(BaseRenderer):
    """Renders JSON in UTF-8, without spaces."""

    media_type = "application/json"
    format = "json"
    charset = None  # application/json has no charset parameter

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """Turn any exception of a view into a problem. This is DRF's EXCEPTION_HANDLER."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, Refusal):
        problem, members = PROBLEMS[error.code], {"detail": error.detail, **told(error.members)}
    else:
        problem, members = problem_of(error), members_of(error)
    if problem is INTERNAL_ERROR:
        logger.error("internal error", exc_info=error)
    elif problem.status >= INTERNAL_ERROR.status:
        logger.warning("%s: %s", problem.code, error)
    return Response(
        body(request, problem, **members),
        status=problem.status,
        headers=headers_of(problem, error),
        content_type=MEDIA_TYPE,
    )


def told(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extra members of a refusal for JSON, with times formatted as in other answers."""
    time = InstantField()
    return {
        name: time.to_representation(value) if isinstance(value, datetime) else value
        for name, value in members.items()
    }


def problem_of(error: Exception) -> Problem:
    """Return the problem for an exception that is not a refusal of a service."""
    for kind, problem in _OF_FRAMEWORK.items():
        if isinstance(error, kind):
            return problem
    if isinstance(error, DatabaseError | InterfaceError):
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if state in BUSY_STATES:
            return BUSY
        if isinstance(error, OperationalError | InterfaceError) or (
            isinstance(error, InternalError) and state == _READ_ONLY_STATE
        ):
            return UNAVAILABLE
    return INTERNAL_ERROR


def members_of(error: Exception) -> dict[str, Any]:
    """Return the extra members of a problem for an exception that DRF raised."""
    if isinstance(error, exceptions.ParseError):
        return malformed(str(error.detail))
    if isinstance(error, exceptions.ValidationError):
        fields: dict[str, list[exceptions.ErrorDetail]] = error.detail  # type: ignore[assignment]
        errors = [
            {"field": name, "code": str(message.code), "message": str(message)}
            for name, messages in fields.items()
            for message in messages
        ]
        return {
            "detail": "; ".join(f"{e['field']}: {e['message']}" for e in errors),
            "errors": errors,
        }
    return {}


def malformed(detail: str) -> dict[str, Any]:
    """Return the extra members for an invalid request in which no single field is at fault."""
    return {
        "detail": detail,
        "errors": [{"field": None, "code": "malformed", "message": detail}],
    }


def headers_of(problem: Problem, error: Exception) -> dict[str, str]:
    """Return the headers Retry-After and WWW-Authenticate, where the problem has them."""
    headers = {}
    if problem.retry_after:
        headers["Retry-After"] = str(problem.retry_after)
    if wait := getattr(error, "wait", None):  # seconds, set by Throttled
        headers["Retry-After"] = str(int(wait))
    if problem is UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "X-API-Key"
    return headers


def body(request: HttpRequest | None, problem: Problem, **members: Any) -> dict[str, Any]:
    """Return a problem as an RFC 9457 object with the members that the contract adds.

    Args:
        request: the request that is answered; the code is stored on it for the access log. None
            where no request could be read; `members` must then contain `request_id`.
        problem: the problem to describe.
        members: members that replace or extend the standard ones.
    """
    if request:
        request.problem_code = problem.code  # type: ignore[attr-defined]
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.meaning,
        "code": problem.code,
        "retryable": problem.retryable,
        "request_id": getattr(request, "id", ""),
        **members,
    }


def response(request: HttpRequest | None, problem: Problem, **members: Any) -> HttpResponse:
    """Return a problem as a response, for code that runs outside DRF."""
    return HttpResponse(
        AnswerRenderer().render(body(request, problem, **members)),
        status=problem.status,
        headers={"Retry-After": str(problem.retry_after)} if problem.retry_after else None,
        content_type=MEDIA_TYPE,
    )


def is_api(request: HttpRequest) -> bool:
    """Whether the path belongs to the API, where no answer may be HTML."""
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that Django refuses before any view, as handler400, such as a bad Host."""
    if is_api(request):
        members = malformed(
            "A header is not valid. Host may name a host that this service does not have."
        )
        return response(request, INVALID_REQUEST, **members)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request for an unknown path, as Django's handler404."""
    if is_api(request):
        return response(request, NOT_FOUND)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a request whose view raised an unhandled exception, as Django's handler500."""
    if is_api(request):
        return response(request, INTERNAL_ERROR)
    return defaults.server_error(request)
