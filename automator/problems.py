"""Every error under /api, in one place: RFC 9457 problems, what they mean and how they look.

The handler, the OpenAPI document and the docs pages all read PROBLEMS.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.http import Http404 as DjangoNotFound
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from automator.json_body import BodyTooLarge
from holds import errors as holds
from inventory import errors as inventory
from inventory.errors import Refusal
from inventory.transactions import OutcomeUnknown
from invoices import errors as invoices

logger = logging.getLogger("automator.problems")

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One code of the contract. `retry_after` is in seconds; `example` shows extra members."""

    code: str
    status: int
    title: str
    meaning: str
    retryable: bool = False
    retry_after: int | None = None
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The page that explains it, relative to the service."""
        return f"/docs/errors/{self.code}/"


REFUSALS: dict[type[Refusal], int] = {
    inventory.TicketGroupNotFound: 404,
    inventory.NotForSale: 409,
    inventory.InsufficientTickets: 409,
    inventory.SplitNotAllowed: 409,
    holds.HoldNotFound: 404,
    holds.HoldReleased: 409,
    holds.HoldExpired: 409,
    holds.SaleVoided: 409,
    holds.AlreadyInvoiced: 409,
    holds.GlobalIdReused: 422,
    invoices.OrderConflict: 409,
    invoices.TicketsUnavailable: 409,
    invoices.InvoiceNotFound: 404,
}

INVALID_REQUEST = Problem(
    "invalid_request",
    400,
    "The request is not valid",
    "The body is not JSON, a field is missing, or a value is not what it must be. `errors` lists "
    "every field at fault. Nothing changed; correct the call.",
    example={
        "detail": "quantity: This field is required.",
        "errors": [{"field": "quantity", "code": "required", "message": "This field is required."}],
    },
)
UNAUTHENTICATED = Problem(
    "unauthenticated",
    401,
    "A valid API key is needed",
    "The header X-API-Key is missing, or the key is wrong, revoked or expired: all are answered "
    "alike. Ask the broker's staff for a key.",
)
ADDRESS_NOT_ALLOWED = Problem(
    "address_not_allowed",
    403,
    "The key may not be used from this address",
    "The key is valid, but its allow-list does not have the address the call came from.",
)
HTTPS_REQUIRED = Problem(
    "https_required",
    403,
    "The API is served over HTTPS only",
    "The call came over plain HTTP, and its key with it. Nothing was done, and the call is not "
    "redirected. Use https, and have the key replaced.",
)
NOT_FOUND = Problem(
    "not_found",
    404,
    "There is no such path",
    "The path is not one of this API.",
)
METHOD_NOT_ALLOWED = Problem(
    "method_not_allowed",
    405,
    "The path does not take this method",
    "The header Allow lists the methods of the path.",
)
NOT_ACCEPTABLE = Problem(
    "not_acceptable",
    406,
    "Answers are JSON",
    "The header Accept rules out application/json, and answers come as nothing else.",
)
BODY_TOO_LARGE = Problem(
    "body_too_large",
    413,
    "The body is too large",
    "A body has at most 16 KiB. Nothing changed.",
)
UNSUPPORTED_MEDIA_TYPE = Problem(
    "unsupported_media_type",
    415,
    "Bodies are JSON",
    "The body must be JSON, with the header Content-Type: application/json.",
)
RATE_LIMITED = Problem(
    "rate_limited",
    429,
    "Too many calls",
    "The key has made too many calls. Nothing changed. Repeat the same call after Retry-After "
    "seconds.",
    retryable=True,
    retry_after=1,
)
INTERNAL_ERROR = Problem(
    "internal_error",
    500,
    "A fault of this service",
    "Something unforeseen happened and was logged. Whether the call took effect is unknown: "
    "repeat the same call, and tell the broker's staff the request id if it stays.",
    retryable=True,
)
BUSY = Problem(
    "busy",
    503,
    "The tickets are busy",
    "Other calls kept the ticket group locked for over two seconds. Nothing changed. Repeat the "
    "same call after Retry-After seconds.",
    retryable=True,
    retry_after=1,
)
UNAVAILABLE = Problem(
    "unavailable",
    503,
    "The database is away",
    "The database cannot be reached, or takes no changes now. Repeat the same call after "
    "Retry-After seconds.",
    retryable=True,
    retry_after=2,
)
OUTCOME_UNKNOWN = Problem(
    "outcome_unknown",
    503,
    "It is not known whether the call took effect",
    "The connection to the database was lost while committing. Repeat the same call: it takes "
    "effect once, and the answer tells.",
    retryable=True,
    retry_after=1,
)

# What any call can be answered, and what only a call with a body can.
ANYWHERE = (
    *(INVALID_REQUEST, UNAUTHENTICATED, ADDRESS_NOT_ALLOWED, HTTPS_REQUIRED, NOT_FOUND),
    *(METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, RATE_LIMITED, INTERNAL_ERROR),
    *(BUSY, UNAVAILABLE, OUTCOME_UNKNOWN),
)
WITH_BODY = (BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)

PROBLEMS: dict[str, Problem] = {problem.code: problem for problem in (*ANYWHERE, *WITH_BODY)} | {
    refusal.code: Problem(
        refusal.code,
        status,
        refusal.title,
        refusal.meaning,
        example={"detail": refusal.title, **refusal.example},
    )
    for refusal, status in REFUSALS.items()
}

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
    OutcomeUnknown: OUTCOME_UNKNOWN,
}
# Lock not available, deadlock, serialization failure, statement timeout.
_BUSY_STATES = {"55P03", "40P01", "40001", "57014"}
_READ_ONLY_STATE = "25006"


class AnswerRenderer(BaseRenderer):
    """JSON in UTF-8, without spaces."""

    media_type = "application/json"
    format = "json"
    charset = None  # application/json has no such parameter

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: any error whatever becomes a problem."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, Refusal):
        problem, members = PROBLEMS[error.code], {"detail": error.detail, **error.members}
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


def problem_of(error: Exception) -> Problem:
    """Which problem an exception is that no service raised."""
    for kind, problem in _OF_FRAMEWORK.items():
        if isinstance(error, kind):
            return problem
    if isinstance(error, DatabaseError | InterfaceError):
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if state in _BUSY_STATES:
            return BUSY
        if isinstance(error, OperationalError | InterfaceError) or (
            isinstance(error, InternalError) and state == _READ_ONLY_STATE
        ):
            return UNAVAILABLE
    return INTERNAL_ERROR


def members_of(error: Exception) -> dict[str, Any]:
    """The extra members of a problem that the framework raised."""
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
    """The extra members where no field in particular is at fault."""
    return {
        "detail": detail,
        "errors": [{"field": None, "code": "malformed", "message": detail}],
    }


def headers_of(problem: Problem, error: Exception) -> dict[str, str]:
    """Retry-After, Allow and WWW-Authenticate, where the problem has them."""
    headers = {}
    if problem.retry_after:
        headers["Retry-After"] = str(problem.retry_after)
    if wait := getattr(error, "wait", None):  # how long Throttled says
        headers["Retry-After"] = str(int(wait))
    if problem is UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "X-API-Key"
    return headers


def body(request: HttpRequest, problem: Problem, **members: Any) -> dict[str, Any]:
    """The problem as RFC 9457 writes it, with the members of the contract."""
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


def response(request: HttpRequest, problem: Problem, **members: Any) -> HttpResponse:
    """A problem as an answer outside DRF."""
    return HttpResponse(
        AnswerRenderer().render(body(request, problem, **members)),
        status=problem.status,
        content_type=MEDIA_TYPE,
    )


def is_api(request: HttpRequest) -> bool:
    """Whether the path is the API's, where no answer is HTML."""
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400: a request that is refused before any view, such as an unknown host."""
    if is_api(request):
        members = malformed("A header is not valid: Host, perhaps, names no host of this service.")
        return response(request, INVALID_REQUEST, **members)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    if is_api(request):
        return response(request, NOT_FOUND)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500."""
    if is_api(request):
        return response(request, INTERNAL_ERROR)
    return defaults.server_error(request)
