"""The OpenAPI document: the calls as their views declare them, with every problem they answer."""

from http import HTTPStatus
from itertools import groupby
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from automator import problems
from automator.problems import Problem

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An error as RFC 9457 describes it. `code` tells which; `type` explains it.",
    "required": ["type", "title", "status", "detail", "code", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A page under /docs/errors/."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(problems.PROBLEMS)},
        "retryable": {
            "type": "boolean",
            "description": "Whether repeating the same call settles it.",
        },
        "request_id": {"type": "string"},
        "available": {"type": "integer", "minimum": 0},
        "allowed_quantities": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "order_id": {"type": "string"},
        "exception_id": {"type": "integer"},
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
RETRY_AFTER = {
    "description": "Seconds to wait before the call is repeated.",
    "schema": {"type": "integer", "minimum": 1},
}
REPLAYED = {
    "description": "`true` where the same call had taken effect before.",
    "schema": {"type": "string", "enum": ["true"]},
}
REQUEST_ID = {"description": "The caller's own, or a new one.", "schema": {"type": "string"}}


def problems_of(view: Any, method: str) -> list[Problem]:
    """Every problem that a call of a view can answer, by status."""
    refusals = [problems.PROBLEMS[refusal.code] for refusal in view.refusals[view.action]]
    body = problems.WITH_BODY if method == "POST" else ()
    # A path that the document describes is there, and takes the method it is described with.
    common = [p for p in problems.ANYWHERE if p.status != HTTPStatus.METHOD_NOT_ALLOWED]
    common = [p for p in common if p is not problems.NOT_FOUND]
    return sorted([*refusals, *common, *body], key=lambda problem: problem.status)


class CallSchema(AutoSchema):
    """Adds to a call the problems that its view declares."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None or not hasattr(self.view, "refusals"):
            return operation
        for answer in operation["responses"].values():
            answer["headers"] = {"X-Request-Id": REQUEST_ID}
        if "200" in operation["responses"] and self.method == "POST":
            operation["responses"]["200"]["headers"]["Idempotent-Replayed"] = REPLAYED
        found = problems_of(self.view, self.method)
        for status, group in groupby(found, key=lambda problem: problem.status):
            operation["responses"][str(status)] = problem_answer(list(group))
        return operation


def problem_answer(found: list[Problem]) -> dict[str, Any]:
    """The answer of one status: its problems, each with an example."""
    headers: dict[str, Any] = {"X-Request-Id": REQUEST_ID}
    if any(problem.retry_after for problem in found):
        headers["Retry-After"] = RETRY_AFTER
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
    """How a problem looks on the wire."""
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
    """Leave out the paths with a trailing slash: they are the same calls."""
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].startswith("/api/v1/") and not endpoint[0].endswith("/")
    ]


def finish(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Add the schema that all problems share."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    return result


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names the key."""

    target_class = "automator.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key that the broker's staff handed out. It belongs to one broker.",
        }
