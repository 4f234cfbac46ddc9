"""A marketplace that calls the API over HTTP, and checks every answer against the contract."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from automator.api.problems import MEDIA_TYPE
from automator.models import ApiKey
from inventory.models import Broker, TicketGroup

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

# Each call, and what it would be sent to.
CALLS = [
    ("hold", "POST", "/api/v1/holds"),
    ("look_up_hold", "GET", "/api/v1/holds/g-1"),
    ("release", "POST", "/api/v1/holds/g-1/release"),
    ("invoice", "POST", "/api/v1/invoices"),
    ("look_up_invoice", "GET", "/api/v1/invoices/o-1"),
]
PROBLEM = {"type", "title", "status", "detail", "code", "retryable", "request_id"}


class Api:
    """Makes the calls with a key of one broker; `slash` is what each path ends with."""

    def __init__(self, broker: Broker, *, slash: str = "") -> None:
        key, self.secret = ApiKey.objects.issue(broker, name="TEvo")
        self.broker = broker
        self.slash = slash
        self.key_id = key.key_id
        self.caller = f"key {key.key_id}"
        self.client = Client(headers={"X-API-Key": self.secret})

    def hold(self, group: TicketGroup, quantity: int, global_id: str, **headers: str) -> "Answer":
        body = {"remote_id": group.remote_id, "quantity": quantity, "global_id": global_id}
        return self.post("hold", "holds", body, **headers)

    def release(self, global_id: str, **headers: str) -> "Answer":
        return self.post("release", f"holds/{quoted(global_id)}/release", **headers)

    def invoice(self, order_id: str, global_id: str, **headers: str) -> "Answer":
        body = {"order_id": order_id, "global_id": global_id}
        return self.post("invoice", "invoices", body, **headers)

    def look_up_hold(self, global_id: str, **headers: str) -> "Answer":
        return self.get("look_up_hold", f"holds/{quoted(global_id)}", **headers)

    def look_up_invoice(self, order_id: str, **headers: str) -> "Answer":
        return self.get("look_up_invoice", f"invoices/{quoted(order_id)}", **headers)

    def post(self, operation: str, path: str, body: object = None, **headers: str) -> "Answer":
        """Send a body: JSON from an object, or text and bytes as they are; None sends nothing."""
        if not isinstance(body, str | bytes | None):
            body = json.dumps(body)
        answer = self.client.post(
            f"/api/v1/{path}{self.slash}",
            data=body or b"",
            content_type="application/json",
            headers=sent(headers),
        )
        return checked(operation, answer)

    def get(self, operation: str, path: str, **headers: str) -> "Answer":
        answer = self.client.get(f"/api/v1/{path}{self.slash}", headers=sent(headers))
        return checked(operation, answer)


def ask(client: Client, method: str, path: str, body: str = "{}", **more: Any) -> "Answer":
    """A request of any kind, unchecked. `more` is what the test client takes, such as headers."""
    return client.generic(method, path, body, more.pop("content_type", "application/json"), **more)


def quoted(id_in_path: str) -> str:
    """An id as it stands in a path."""
    return quote(id_in_path, safe="")


def sent(headers: dict[str, str]) -> dict[str, str]:
    """Headers from the names of arguments: x_request_id is X-Request-Id."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def checked(operation: str, answer: "Answer") -> "Answer":
    """The answer, which is JSON that carries its request id and stands in the OpenAPI document."""
    body = answer.json()
    code = is_problem(answer)["code"] if answer.status_code >= 400 else ""
    if not code:
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Request-Id"] == body["request_id"]
    assert (operation, answer.status_code, code) in documented()
    return answer


def is_problem(answer: "Answer") -> dict[str, Any]:
    """The members of an answer that is a problem as RFC 9457 and the contract describe it."""
    problem: dict[str, Any] = answer.json()
    assert answer["Content-Type"] == MEDIA_TYPE
    assert answer["X-Request-Id"] == problem["request_id"]
    assert problem.keys() >= PROBLEM
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/docs/errors/{problem['code']}/"
    assert all(isinstance(problem[name], str) for name in PROBLEM - {"status", "retryable"})
    assert problem["retryable"] is (answer.status_code in {429, 500, 503})
    return problem


@cache
def documented() -> set[tuple[str, int, str]]:
    """Operation, status and code of every answer in the OpenAPI document; successes have none."""
    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return {
        (operation["operationId"], int(status), code)
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        for code in answer["content"].get(MEDIA_TYPE, {}).get("examples", [""])
    }
