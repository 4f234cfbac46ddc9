"""The OpenAPI document: the calls as their views declare them, with all of their problems."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from automator.api import exception_handler, problems
from automator.api.problems import Problem
from automator.api.schema_components import (
    ALLOW,
    CHALLENGE,
    LINKS,
    NO_NUL,
    OUTSIDE,
    PATH_ID,
    PROBLEM_SCHEMA,
    REPLAYED,
    REQUEST_ID,
    RETRY_AFTER,
    UNKNOWN_FIELD,
)


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
    members = {"request_id": "5f0c6b1e9d4f4f0fa1c4b1f0f7f6e3aa", **problem.example}
    return exception_handler.body(None, problem, **members)


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
                sent["propertyNames"] = NO_NUL
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
