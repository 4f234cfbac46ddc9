"""Usual requests are dispatched in a short way. Its answers are those of DRF's own way."""

from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.views import APIView

from holds import viewsets
from inventory.models import TicketGroup
from tests.support.fixtures import BringTo
from tests.support.marketplace import Api, ask

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db

USUAL, UNUSUAL = {"Accept": "application/json"}, {"Accept": "application/json;q=0.9"}
STATES = ["held", "released", "expired", "invoiced", "voided"]


def answers(api: Api, group: TicketGroup, **headers: str) -> "list[Answer]":
    """What calls that change nothing are answered; each is refused, repeated or a look-up."""
    return [
        api.hold(group, 2, "g-1", **headers),
        api.hold(group, 3, "g-1", **headers),
        api.hold(group, 99, "g-9", **headers),
        api.post("hold", "holds", {"quantity": 0}, **headers),
        api.post("hold", "holds", b"no JSON", **headers),
        api.post("hold", "holds", b" " * 20_000, **headers),
        api.look_up_hold("g-1", **headers),
        api.look_up_hold("unknown", **headers),
        api.look_up_invoice("o-1", **headers),
        api.look_up_invoice("unknown", **headers),
    ]


def facts(answer: "Answer") -> tuple[object, ...]:
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, headers, body


@pytest.mark.parametrize("state", STATES)
def test_both_ways_give_the_same_answers(
    api: Api, bring_to: BringTo, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    group = bring_to(state)
    full_ways: list[object] = []
    initialize = APIView.initialize_request

    def initialized(view: APIView, request: Any, *args: Any, **kwargs: Any) -> Any:
        full_ways.append(request)
        return initialize(view, request, *args, **kwargs)

    monkeypatch.setattr(APIView, "initialize_request", initialized)

    short = answers(api, group, **USUAL)
    assert full_ways == []
    full = answers(api, group, **UNUSUAL)

    assert len(full_ways) == len(full)
    assert [facts(answer) for answer in short] == [facts(answer) for answer in full]


@pytest.mark.parametrize("headers", [USUAL, UNUSUAL])
def test_both_ways_refuse_a_call_without_a_good_key(api: Api, headers: dict[str, str]) -> None:
    for key in ("automator_unknown_0", "", "nonsense"):
        answer = api.look_up_hold("g-1", **{"X-API-Key": key}, **headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "X-API-Key")
    del api.client.defaults["HTTP_X_API_KEY"]
    assert api.look_up_hold("g-1", **headers).json()["code"] == "unauthenticated"


@pytest.mark.parametrize("headers", [USUAL, UNUSUAL])
@pytest.mark.parametrize("state", STATES)
def test_both_ways_make_the_same_calls(
    api: Api, bring_to: BringTo, headers: dict[str, str], state: str
) -> None:
    bring_to(state)

    released = api.release("g-1", **headers)
    invoiced = api.invoice("o-1", "g-1", **headers)

    sold = state == "invoiced"
    assert released.status_code == (409 if sold else 200)
    assert invoiced.status_code == (200 if sold else 409)


TYPES = [
    *("application/json", "Application/JSON", "application/json; charset=utf-8", "text/plain", ""),
    *("application/json;charset=latin-1", "application/json;", "text/json", "*/*", "nonsense"),
    *("application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=x"),
]
LENGTHS = ["0", "00", "000", "", "2", "02", "1", "+2", "x"]
ACCEPTS = [
    *("", " ", ",", "*/*", "*", "application/json", "Application/JSON", "application/*", "x/y"),
    *("application/json;q=0", "*/*;q=0", "application/json, */*", "text/html", "nonsense"),
]
# What is sent besides the key, as the test client takes it.
ODD: list[dict[str, Any]] = [
    *({"content_type": kind} for kind in TYPES),
    *({"content_type": kind, "body": ""} for kind in TYPES),
    *({"content_type": "application/json", "CONTENT_LENGTH": length} for length in LENGTHS),
    *({"content_type": "text/plain", "CONTENT_LENGTH": length} for length in LENGTHS),
    *({"HTTP_ACCEPT": accept} for accept in ACCEPTS),
    *({"HTTP_ACCEPT": accept, "content_type": "text/plain"} for accept in ACCEPTS),
    *({"body": body} for body in ("[]", "null", '"x"', "{", "\0", "{}x", "  {}  ", "\ufeff{}")),
    {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"},
    {"HTTP_CONTENT_ENCODING": "gzip", "HTTP_ACCEPT_ENCODING": "gzip"},
    {"HTTP_COOKIE": "automator_session=x; automator_csrf=y"},
    {"HTTP_ORIGIN": "https://evil.example.com"},
    {"HTTP_EXPECT": "100-continue"},
    {"HTTP_HOST": "evil.example.com"},
    {"QUERY_STRING": "format=api"},
]
CALLED = [
    ("POST", "holds"),
    ("POST", "holds/g-1/release"),
    ("POST", "invoices"),
    ("GET", "holds/g-1"),
    ("HEAD", "holds/g-1"),
]


@pytest.mark.parametrize("called", CALLED)
def test_both_ways_answer_odd_requests_alike(
    api: Api, bring_to: BringTo, monkeypatch: pytest.MonkeyPatch, called: tuple[str, str]
) -> None:
    bring_to("released")
    method, path = called
    judged: list[bool] = []
    is_usual = viewsets.is_usual

    def judge(request: Any) -> bool:
        judged.append(is_usual(request))
        return judged[-1]

    def answer(more: dict[str, Any]) -> object:
        said = ask(api.client, method, f"/api/v1/{path}", **more)
        body = said.json() | {"request_id": ""} if said.content else {}
        return said.status_code, {**said.headers, "X-Request-Id": ""}, body

    monkeypatch.setattr(viewsets, "is_usual", judge)
    short = [answer(dict(more)) for more in ODD]
    monkeypatch.setattr(viewsets, "is_usual", lambda _: False)

    assert short == [answer(dict(more)) for more in ODD]
    assert {*judged} == {True, False}
