"""The OpenAPI document: the calls as their views declare them, with all of their problems."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from automator.api import problems
from automator.api.problems import Problem
from holds.make_room import MOST_LISTED
from inventory.limits import ID_PATTERN

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An error as RFC 9457 defines it. `code` identifies it; `type` is the "
    "address of the page that explains it.",
    "required": ["type", "title", "status", "detail", "code", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A page under /docs/errors/."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(problems.PROBLEMS)},
        "retryable": {
            "type": "boolean",
            "description": "Whether repeating the same call can succeed.",
        },
        "request_id": {"type": "string"},
        "available": {"type": "integer", "minimum": 0},
        "may_free_at": {"type": ["string", "null"], "format": "date-time"},
        "allowed_quantities": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "maxItems": MOST_LISTED,
        },
        "allowed_quantities_cut": {"type": "boolean"},
        "order_id": {"type": "string"},
        "exception_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
PATH_ID = {"type": "string", "pattern": ID_PATTERN}
REQUEST_ID = {
    "description": "The id that the caller sent, if it is valid, or a new one.",
    "required": True,
    "schema": {"type": "string"},
}
REPLAYED = {
    "description": "`true` if the same call had taken effect before.",
    "schema": {"type": "string", "enum": ["true"]},
}
RETRY_AFTER = {
    "description": "Seconds to wait before the call is repeated.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
CHALLENGE = {
    "description": "The header in which the key is sent.",
    "required": True,
    "schema": {"type": "string", "enum": ["X-API-Key"]},
}
ALLOW = {
    "description": "The methods that the path takes.",
    "required": True,
    "schema": {"type": "string"},
}
# These do not belong to a call, since its path and method are right and its bytes are HTTP. The
# document has them among its shared responses, under these names.
OUTSIDE = {
    "UnknownPath": problems.NOT_FOUND,
    "UnknownMethod": problems.METHOD_NOT_ALLOWED,
    "RequestLineTooLong": problems.NO_REQUEST[414],
    "HeaderTooLarge": problems.NO_REQUEST[431],
}
_NO_NUL = {"type": "string", "pattern": "^[^\\u0000]*$"}
# The allowed values of unknown fields. The parser is strict about the whole body.
UNKNOWN_FIELD = {
    "description": "Unknown fields are ignored, provided that they are valid JSON: no NUL and no "
    "lone surrogate in any string, no duplicate name in an object, and at most 20 levels.",
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        _NO_NUL,
        {"type": "array", "items": {"$ref": "#/components/schemas/UnknownField"}},
        {
            "type": "object",
            "propertyNames": _NO_NUL,
            "additionalProperties": {"$ref": "#/components/schemas/UnknownField"},
        },
    ],
}
_HOLD = {"global_id": "$response.body#/global_id"}
_ORDER = {"order_id": "$response.body#/order_id"}
# The OpenAPI links of a successful answer: for each call, by the name of the link, the call that
# may follow and the values that it takes from this one.
LINKS: dict[str, dict[str, dict[str, Any]]] = {
    "hold": {
        "Repeat": {"operationId": "hold", "requestBody": "$request.body"},
        "LookUp": {"operationId": "look_up_hold", "parameters": _HOLD},
        "Release": {"operationId": "release", "parameters": _HOLD},
        "Invoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "look_up_hold": {
        "Release": {"operationId": "release", "parameters": _HOLD},
        "Invoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "release": {
        "Repeat": {"operationId": "release", "parameters": _HOLD},
        "LookUp": {"operationId": "look_up_hold", "parameters": _HOLD},
        "LateHold": {"operationId": "hold", "requestBody": _HOLD},
        "LateInvoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "invoice": {
        "Repeat": {"operationId": "invoice", "requestBody": "$request.body"},
        "LookUp": {"operationId": "look_up_invoice", "parameters": _ORDER},
        "LookUpHold": {"operationId": "look_up_hold", "parameters": _HOLD},
        "LateRelease": {"operationId": "release", "parameters": _HOLD},
    },
    "look_up_invoice": {
        "LookUpHold": {
            "operationId": "look_up_hold",
            "parameters": {"global_id": "$response.body#/invoices/0/global_id"},
        }
    },
}


def problems_of(view: Any, path: str, method: str) -> list[Problem]:
    """Return all problems that a call of a view can answer, ordered by status."""
    members = getattr(view, "members_of_refusals", {}).get(view.action, {})
    refusals = [
        replace(found, example={**found.example, **members})
        for found in (problems.PROBLEMS[refusal.code] for refusal in view.refusals[view.action])
    ]
    common = [problem for problem in problems.ANYWHERE if problem not in OUTSIDE.values()]
    # An id that contains a slash results in an unknown path.
    slashed = [problems.NOT_FOUND] if "{" in path else []
    body = problems.WITH_BODY if method == "POST" else ()
    return sorted([*refusals, *common, *slashed, *body], key=lambda problem: problem.status)


class CallSchema(AutoSchema):
    """Adds the problems that a view declares, the pattern of ids, and headers to its calls."""

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters for the ids in the path and for the request id."""
        ids = [
            OpenApiParameter(
                name,
                PATH_ID,
                OpenApiParameter.PATH,
                description="The id that the marketplace chose, percent-encoded where necessary.",
            )
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        request_id = OpenApiParameter(
            "X-Request-Id",
            str,
            OpenApiParameter.HEADER,
            description="An id that the answer returns and the service's logs contain: 1 to 128 "
            "letters, digits and `._:+=@-`. An id of any other form is replaced.",
        )
        return [*ids, request_id]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with the problems, headers, links and examples of the call."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None or not hasattr(self.view, "refusals"):
            return operation
        for answer in operation["responses"].values():
            answer["headers"] = {"X-Request-Id": REQUEST_ID}
            answer["links"] = LINKS[operation["operationId"]]
        if "200" in operation["responses"] and self.method == "POST":
            operation["responses"]["200"]["headers"]["Idempotent-Replayed"] = REPLAYED
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["example"] = example_of_success(operation)[parameter["name"]]
        found = problems_of(self.view, self.path, self.method)
        for status, group in groupby(found, key=lambda problem: problem.status):
            operation["responses"][str(status)] = problem_answer(list(group))
        return operation


def example_of_success(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the example body of the first answer that a call lists."""
    answer = next(iter(operation["responses"].values()))
    return example_of_answer(answer)


def example_of_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the only example of a successful answer."""
    (example,) = answer["content"]["application/json"]["examples"].values()
    body: dict[str, Any] = example["value"]
    return body


def problem_answer(found: Sequence[Problem]) -> dict[str, Any]:
    """Return the OpenAPI response for one status, with an example for each problem."""
    headers: dict[str, Any] = {"X-Request-Id": REQUEST_ID}
    if any(problem.retry_after for problem in found):
        headers["Retry-After"] = RETRY_AFTER
    if problems.UNAUTHENTICATED in found:
        headers["WWW-Authenticate"] = CHALLENGE
    if problems.METHOD_NOT_ALLOWED in found:
        headers["Allow"] = ALLOW
    return {
        "description": "\n\n".join(f"`{problem.code}`: {problem.meaning}" for problem in found),
        "headers": headers,
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    problem.code: {"summary": problem.title, "value": example_of(problem)}
                    for problem in found
                },
            }
        },
    }


def example_of(problem: Problem) -> dict[str, Any]:
    """Return a problem as it is sent, with an example request id."""
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.meaning,
        "code": problem.code,
        "retryable": problem.retryable,
        "request_id": "5f0c6b1e9d4f4f0fa1c4b1f0f7f6e3aa",
        **problem.example,
    }


def one_path_each(endpoints: list[Any]) -> list[Any]:
    """Remove the paths with a trailing slash, which lead to the same calls."""
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].startswith("/api/v1/") and not endpoint[0].endswith("/")
    ]


def finish(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Add the shared components, and remove a marker that only an unused hook would read."""
    components = result["components"]
    for schema in components["schemas"].values():
        for field in schema["properties"].values():
            field.pop("x-spec-enum-id", None)
    for methods in result["paths"].values():
        for operation in methods.values():
            for body in operation.get("requestBody", {"content": {}})["content"].values():
                sent = components["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
                sent["propertyNames"] = _NO_NUL
                sent["additionalProperties"] = {"$ref": "#/components/schemas/UnknownField"}
    components["schemas"]["UnknownField"] = UNKNOWN_FIELD
    components["schemas"]["Problem"] = PROBLEM_SCHEMA
    components["responses"] = {name: problem_answer([found]) for name, found in OUTSIDE.items()}
    return result


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the API key in the OpenAPI document."""

    target_class = "automator.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key that the broker's staff issued. It belongs to one broker.",
        }
