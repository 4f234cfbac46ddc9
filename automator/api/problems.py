"""The catalogue of all errors under /api: their codes, statuses and meanings (RFC 9457).

The answers, the OpenAPI document and the documentation pages are all made from PROBLEMS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from automator.api.refusal_statuses import REFUSAL_STATUSES

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """An error code of the contract (/docs/contract/).

    `retry_after` is in seconds. `example` has the members that this problem adds to the standard
    ones.
    """

    code: str
    status: int
    title: str
    meaning: str
    retryable: bool = False
    retry_after: int | None = None
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The path of the page that explains the problem."""
        return f"/docs/errors/{self.code}/"


INVALID_REQUEST = Problem(
    "invalid_request",
    400,
    "The request is not valid",
    "The body is not JSON, a field is missing, or a value is not valid. `errors` lists "
    "every field at fault. Nothing changed; correct the call. Bytes that are not an HTTP request "
    "have this code too, with status 400, 414 or 431, and the connection is closed.",
    example={
        "detail": "quantity: This field is required.",
        "errors": [{"field": "quantity", "code": "required", "message": "This field is required."}],
    },
)
# For bytes that are not an HTTP request, which cannot be assigned to a call.
NO_REQUEST: dict[int, Problem] = {
    400: replace(INVALID_REQUEST, title="The bytes are not an HTTP request"),
    414: replace(INVALID_REQUEST, status=414, title="The request line is too long"),
    431: replace(INVALID_REQUEST, status=431, title="The header is too large"),
}
UNAUTHENTICATED = Problem(
    "unauthenticated",
    401,
    "A valid API key is needed",
    "The header X-API-Key is missing, or the key is wrong, revoked or expired. The answer is the "
    "same in all these cases. Ask the broker's staff for a key.",
)
ADDRESS_NOT_ALLOWED = Problem(
    "address_not_allowed",
    403,
    "The key may not be used from this address",
    "The key is valid, but its allow-list does not include the address the call came from.",
)
HTTPS_REQUIRED = Problem(
    "https_required",
    403,
    "The API is served over HTTPS only",
    "The call, and the key in it, was sent over plain HTTP. Nothing was done, and the call is not "
    "redirected. Use HTTPS, and ask the broker's staff to replace the key.",
)
NOT_FOUND = Problem(
    "not_found",
    404,
    "There is no such path",
    "The path does not belong to this API.",
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
    "The header Accept excludes application/json, which is the only type of an answer.",
)
BODY_TOO_LARGE = Problem(
    "body_too_large",
    413,
    "The body is too large",
    "The body of a call may have at most 16 KiB. Nothing changed.",
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
    "An unexpected error occurred and was logged. Whether the call took effect is unknown: "
    "repeat the same call. If the error persists, tell the broker's staff the request id.",
    retryable=True,
)
BUSY = Problem(
    "busy",
    503,
    "The tickets are busy",
    "Another call kept the ticket group, or a table, locked for over two seconds, or the database "
    "was too busy. Nothing changed. Repeat the same call after Retry-After seconds.",
    retryable=True,
    retry_after=1,
)
UNAVAILABLE = Problem(
    "unavailable",
    503,
    "The database is unavailable",
    "The database cannot be reached, does not answer in time, or is read-only. Nothing "
    "changed. Repeat the same call after Retry-After seconds.",
    retryable=True,
    retry_after=2,
)
OUTCOME_UNKNOWN = Problem(
    "outcome_unknown",
    503,
    "It is not known whether the call took effect",
    "The database was asked to commit, and the connection was lost, no answer came in time, or a "
    "standby has not confirmed the change. Repeat the same call: it takes effect only once, and "
    "its answer tells whether it did.",
    retryable=True,
    retry_after=1,
)

# The problems that any call can be answered with, and those of calls with a body.
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
    for refusal, status in REFUSAL_STATUSES.items()
}
