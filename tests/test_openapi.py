"""The OpenAPI document: complete, true of its own examples, and true of the running service."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis import Case, HookContext
from schemathesis.specs.openapi.checks import ignored_auth

from automator.api import schema_view
from automator.api.problems import MEDIA_TYPE, PROBLEMS
from automator.api.schema_components import LINKS
from automator.wsgi import application
from holds.views import HoldViewSet
from inventory.errors import Refusal
from inventory.limits import ID_PATTERN
from inventory.models import Broker
from invoices.views import InvoiceViewSet
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.marketplace import Api, is_problem

DOCUMENT = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
SERVICE = schemathesis.openapi.from_dict(DOCUMENT)
SERVICE.app = application
# What no schema says: an id that was used for another call is refused, although it is a good id.
SERVICE.config.checks.positive_data_acceptance.expected_statuses.append("422")

# The ids of the document's examples.
REMOTE_ID, GLOBAL_ID, ORDER_ID = "605696419", "g-1", "4606857-10324712"


@SERVICE.hook
def filter_body(context: HookContext, body: Any) -> bool:
    """Leave out 2.0: to a schema it is an integer, to the contract a fraction."""
    values = body.values() if isinstance(body, dict) else ()
    return not any(isinstance(value, float) and value.is_integer() for value in values)


def operations() -> Iterator[dict[str, Any]]:
    for methods in DOCUMENT["paths"].values():
        yield from methods.values()


def answers() -> Iterator[dict[str, Any]]:
    for operation in operations():
        yield from operation["responses"].values()
    yield from DOCUMENT["components"]["responses"].values()


def examples(content: dict[str, Any]) -> list[Any]:
    """The examples of a body, each of which fits the body's schema."""
    ((_, body),) = content.items()
    fits = Draft202012Validator({**body["schema"], "components": DOCUMENT["components"]})
    values = [example["value"] for example in body["examples"].values()]
    for value in values:
        fits.validate(value)
    return values


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/"])
def test_document_is_public_as_yaml_and_as_json(path: str, client: Client) -> None:
    as_yaml = client.get(path)
    as_json = client.get(path, headers={"Accept": "application/json"})

    assert yaml.safe_load(as_yaml.content) == as_json.json()
    assert as_json["Content-Type"] == "application/json"
    assert len(as_json.json()["paths"]) == 5


@pytest.mark.parametrize(("wanted", "start"), [("json", b"{"), ("yaml", b"openapi:")])
def test_format_in_the_query_decides(wanted: str, start: bytes, client: Client) -> None:
    answer = client.get(f"/api/schema?format={wanted}", headers={"Accept": "text/html,*/*;q=0.8"})

    assert answer.status_code == 200
    assert answer.content.startswith(start)


@pytest.mark.parametrize("wanted", ["json", "yaml"])
def test_document_is_made_once(
    wanted: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(f"/api/schema/?format={wanted}")
    for renderer in schema_view.Document.renderer_classes:
        monkeypatch.setattr(renderer, "render", None)
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    again = client.get(f"/api/schema/?format={wanted}")
    known = client.get(
        f"/api/schema/?format={wanted}", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.content) == (200, first.content)
    assert (known.status_code, known.content) == (304, b"")
    assert again["ETag"] == first["ETag"] == known["ETag"]
    assert "max-age" in again["Cache-Control"]
    assert "Accept" in again["Vary"]


def test_callers_who_come_at_once_share_one_making(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(generator: SchemaGenerator, **options: object) -> Any:
        made.append(generator)
        time.sleep(0.1)  # long enough for the others to come
        return DOCUMENT

    schema_view._document.cache_clear()
    monkeypatch.setattr(SchemaGenerator, "get_schema", make)
    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda _: schema_view.document(), range(4)))

    assert len(made) == 1
    assert all(each is DOCUMENT for each in found)


@pytest.mark.parametrize(
    ("method", "path", "accept", "code"),
    [
        ("GET", "/api/schema", "text/html", "not_acceptable"),
        ("GET", "/api/schema?format=xml", "*/*", "not_acceptable"),
        ("POST", "/api/schema/", "*/*", "method_not_allowed"),
        ("GET", "/api/schema/more", "*/*", "not_found"),
    ],
)
def test_document_refuses_with_problems(
    method: str, path: str, accept: str, code: str, client: Client
) -> None:
    answer = client.generic(method, path, headers={"Accept": accept})

    assert is_problem(answer)["code"] == code
    assert answer.status_code == PROBLEMS[code].status


def test_document_is_valid_and_made_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(file))

    assert yaml.safe_load(file.read_text())["openapi"] == "3.1.0"


def test_every_problem_is_an_example_of_some_answer() -> None:
    shown = {
        code
        for answer in answers()
        for code in answer["content"].get(MEDIA_TYPE, {"examples": ()})["examples"]
    }

    assert shown == PROBLEMS.keys()


@pytest.mark.parametrize(
    ("method", "path", "recorded"),
    [
        (
            "post",
            "/api/v1/invoices",
            {refusal.code for refusal in InvoiceViewSet.refusals["create"]},
        ),
        ("post", "/api/v1/holds/{global_id}/release", {"already_invoiced"}),
        ("post", "/api/v1/holds", set()),
        ("get", "/api/v1/holds/{global_id}", set()),
    ],
)
def test_examples_have_an_exception_id_where_the_call_records_one(
    method: str, path: str, recorded: set[str]
) -> None:
    shown = {
        code
        for answer in DOCUMENT["paths"][path][method]["responses"].values()
        for code, example in answer["content"].get(MEDIA_TYPE, {"examples": {}})["examples"].items()
        if "exception_id" in example["value"]
    }

    assert shown == recorded


def test_every_refusal_is_a_problem_that_a_call_declares() -> None:
    found = set(refusals())
    declared = {
        refusal
        for view in (HoldViewSet, InvoiceViewSet)
        for refusals_of_call in view.refusals.values()
        for refusal in refusals_of_call
    }

    assert declared == found
    assert {refusal.code for refusal in found} < PROBLEMS.keys()


def test_every_answer_has_an_example_that_fits_its_schema() -> None:
    assert all(examples(answer["content"]) for answer in answers())


def test_links_lead_to_calls_with_what_they_take() -> None:
    by_id = {operation["operationId"]: operation for operation in operations()}
    for operation in operations():
        for answer in operation["responses"].values():
            if MEDIA_TYPE in answer["content"]:
                assert "links" not in answer
                continue
            assert answer["links"]
            for link in answer["links"].values():
                target = by_id[link["operationId"]]
                taken = {p["name"] for p in target["parameters"] if p["in"] == "path"}
                assert set(link.get("parameters", {})) == taken
                assert ("requestBody" in link) == ("requestBody" in target)


def test_problems_are_examples_of_their_own_status() -> None:
    for operation in operations():
        for status, answer in operation["responses"].items():
            for code in answer["content"].get(MEDIA_TYPE, {"examples": ()})["examples"]:
                assert PROBLEMS[code].status == int(status)


def test_every_body_that_a_call_needs_has_an_example_that_fits() -> None:
    bodies = [operation["requestBody"] for operation in operations() if "requestBody" in operation]

    assert [len(examples(body["content"])) for body in bodies] == [1, 1]


def test_every_call_needs_the_key() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["ApiKey"]

    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    assert all(operation["security"] == [{"ApiKey": []}] for operation in operations())


def test_ids_in_paths_have_their_form_and_an_example() -> None:
    ids = [p for operation in operations() for p in operation["parameters"] if p["in"] == "path"]

    assert [parameter["name"] for parameter in ids] == ["global_id", "global_id", "order_id"]
    assert {parameter["schema"]["pattern"] for parameter in ids} == {ID_PATTERN}
    assert {parameter["example"] for parameter in ids} == {GLOBAL_ID, ORDER_ID}


@pytest.mark.parametrize(
    ("status", "header"),
    [
        ("401", "WWW-Authenticate"),
        ("429", "Retry-After"),
        ("503", "Retry-After"),
    ],
)
def test_headers_that_callers_act_on_are_documented(status: str, header: str) -> None:
    for operation in operations():
        assert operation["responses"][status]["headers"][header]["required"]


def test_every_answer_documents_the_request_id() -> None:
    assert all(answer["headers"]["X-Request-Id"]["required"] for answer in answers())


@pytest.fixture
def headers(api: Api, broker: Broker) -> dict[str, str]:
    """Those of a caller with a key; the ids of the document's examples are known to its broker."""
    api.hold(TicketGroupFactory(broker=broker, remote_id=REMOTE_ID), 2, GLOBAL_ID)
    api.invoice(ORDER_ID, GLOBAL_ID)
    return {"X-API-Key": api.secret}


@pytest.mark.django_db(transaction=True)
@SERVICE.parametrize()
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_service_keeps_to_the_document(case: Case[Any], headers: dict[str, str]) -> None:
    answer = case.call_and_validate(headers=headers)

    assert json.loads(answer.content)["request_id"] == answer.headers["x-request-id"][0]


def value_of(expression: str, sent: Any, answered: Any) -> Any:
    """What an expression of a link stands for, after a call."""
    source, _, pointer = expression.partition("#")
    found = {"$request.body": sent, "$response.body": answered}[source]
    for step in pointer.split("/")[1:]:
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


# What the call at the end of each link is answered, where the one before was the first of its kind.
FOLLOWED = {
    ("hold", "Repeat"): 200,
    ("hold", "LookUp"): 200,
    ("hold", "Release"): 200,
    ("hold", "Invoice"): 201,
    ("look_up_hold", "Release"): 200,
    ("look_up_hold", "Invoice"): 201,
    ("release", "Repeat"): 200,
    ("release", "LookUp"): 200,
    ("release", "LateHold"): 409,
    ("release", "LateInvoice"): 409,
    ("invoice", "Repeat"): 200,
    ("invoice", "LookUp"): 200,
    ("invoice", "LookUpHold"): 200,
    ("invoice", "LateRelease"): 409,
    ("look_up_invoice", "LookUpHold"): 200,
}


@pytest.mark.django_db
@pytest.mark.parametrize(("operation", "name"), FOLLOWED)
def test_link_gives_the_next_call_what_it_takes(
    api: Api, broker: Broker, operation: str, name: str
) -> None:
    TicketGroupFactory(broker=broker, remote_id="7")
    # An integer is an id too, and answered as text.
    held = {"remote_id": 7, "quantity": 2, "global_id": 1}
    sold = {"order_id": 2, "global_id": 1}
    first = {
        "hold": ["hold"],
        "look_up_hold": ["hold", "look_up_hold"],
        "release": ["hold", "release"],
        "invoice": ["hold", "invoice"],
        "look_up_invoice": ["hold", "invoice", "look_up_invoice"],
    }[operation]
    calls: dict[str, Callable[[Any], Any]] = {
        "hold": lambda body: api.post("hold", "holds", {**held, **body}),
        "look_up_hold": lambda ids: api.look_up_hold(ids.get("global_id", "1")),
        "release": lambda ids: api.release(ids.get("global_id", "1")),
        "invoice": lambda body: api.post("invoice", "invoices", {**sold, **body}),
        "look_up_invoice": lambda ids: api.look_up_invoice(ids.get("order_id", "2")),
    }
    for call in first:
        before = calls[call]({})
        assert before.status_code in {200, 201}
    sent = {"hold": held, "invoice": sold}.get(operation)
    link = LINKS[operation][name]
    taken = link.get("parameters") or link["requestBody"]
    if isinstance(taken, str):
        filled = value_of(taken, sent, before.json())
    else:
        filled = {name: value_of(each, sent, before.json()) for name, each in taken.items()}

    assert calls[link["operationId"]](filled).status_code == FOLLOWED[operation, name]


def test_every_link_is_followed() -> None:
    assert FOLLOWED.keys() == {(call, name) for call in LINKS for name in LINKS[call]}


@pytest.mark.django_db(transaction=True)
def test_links_lead_through_the_states_of_a_hold() -> None:
    """A walk along the links, in which each call takes what the one before it answered."""
    service = schemathesis.openapi.from_dict(DOCUMENT)
    service.app = application
    service.config.generation.modes = [schemathesis.GenerationMode.POSITIVE]
    service.config.checks.positive_data_acceptance.expected_statuses.append("422")
    service.hook(filter_body)
    reached = set()

    class Walk(service.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            """Begin each walk with a broker of its own: the ids of earlier walks are unknown."""
            self.api = Api(BrokerFactory())
            group = {"seats": [], "quantity": 100_000}
            TicketGroupFactory(broker=self.api.broker, remote_id=REMOTE_ID, **group)

        def before_call(self, case: Case[Any]) -> None:
            """Ask for tickets that there are, where the call asks for any that there could be."""
            if isinstance(case.body, dict) and isinstance(case.body.get("remote_id"), str):
                case.body["remote_id"] = REMOTE_ID

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": {"X-API-Key": self.api.secret}}

        def after_call(self, response: Any, case: Case[Any]) -> None:
            super().after_call(response, case)
            operation = case.operation.definition.raw["operationId"]
            reached.add((operation, response.status_code))

        def validate_response(self, response: Any, case: Case[Any], *_: Any, **kwargs: Any) -> None:
            """All checks but one, which takes our key for one that was made up."""
            case.validate_response(
                response,
                excluded_checks=[ignored_auth],
                transport_kwargs=kwargs,
                recorder=self.recorder,
            )

    Walk.run(
        settings=settings(
            max_examples=60,
            stateful_step_count=6,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
    )

    assert reached >= {*(("hold", 201), ("look_up_hold", 200), ("release", 200), ("invoice", 201))}
