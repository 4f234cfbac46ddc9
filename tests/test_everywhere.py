"""What any call can be answered, whatever it asks for: the contract's last table."""

from types import SimpleNamespace

import pytest
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from automator.api import throttling
from automator.api.problems import PROBLEMS
from holds import services
from inventory.models import TicketGroup
from inventory.models.ledger import LedgerManager
from tests.support.factories import BrokerFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import CALLS, Api, ask, is_problem

pytestmark = pytest.mark.django_db

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"}
UNKNOWN_PATHS = [
    *("/api", "/api/", "/api/v1", "/api/v2/holds", "/api/v1/hold", "/api/v1/holds/g-1/void"),
    *("/api/v1/holds//", "/api/v1/holds//release", "/api/v1/holds/a%2Fb", "/api/v1/holds/a/b/"),
]


def test_answer_carries_the_callers_own_request_id(api: Api, group: TicketGroup) -> None:
    answer = api.hold(group, 2, "g-1", x_request_id="Az09._:+=@-")

    assert answer["X-Request-Id"] == answer.json()["request_id"] == "Az09._:+=@-"


@pytest.mark.parametrize("sent", ["", " ", "a b", "x" * 129, "<script>", 'a"', "a,b", "é"])
def test_request_id_that_is_not_sane_is_replaced(api: Api, sent: str) -> None:
    answer = api.look_up_hold("g-1", x_request_id=sent)

    assert answer["X-Request-Id"] != sent
    assert len(answer["X-Request-Id"]) == 32


@pytest.mark.parametrize("path", ["/docs/", "/healthz", "/api/schema/", "/admin/", "/nowhere"])
def test_every_page_carries_a_request_id_too(client: Client, path: str) -> None:
    assert client.get(path, headers={"X-Request-Id": "q-1"})["X-Request-Id"] == "q-1"


def test_requests_without_an_id_get_one_each(api: Api) -> None:
    assert api.look_up_hold("g-1")["X-Request-Id"] != api.look_up_hold("g-1")["X-Request-Id"]


@pytest.mark.parametrize("code", PROBLEMS)
def test_type_of_a_problem_is_a_page_about_it(client: Client, code: str) -> None:
    page = client.get(PROBLEMS[code].type)

    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")
    assert code in page.content.decode()


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_unknown_path_is_not_found_whatever_the_method_and_without_a_key(path: str) -> None:
    for method in METHODS:
        answer = ask(Client(), method, path)
        assert answer.status_code == 404
        if method != "HEAD":
            assert is_problem(answer)["code"] == "not_found"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), [call[1:] for call in CALLS])
def test_method_that_a_path_does_not_take_is_not_allowed(
    api: Api, unchanged: Unchanged, method: str, path: str, slash: str
) -> None:
    allowed = {"GET", "HEAD"} if method == "GET" else {"POST"}
    for wrong in METHODS - allowed:
        with unchanged():
            answer = ask(api.client, wrong, path + slash)
        assert answer.status_code == 405
        assert set(answer["Allow"].split(", ")) == allowed
        if wrong != "HEAD":
            assert is_problem(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/api/v1/holds/g-1", "/api/v1/invoices/o-1"])
def test_head_answers_as_get_without_a_body(api: Api, path: str) -> None:
    answer = ask(api.client, "HEAD", path)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "accept",
    [
        *("text/html", "application/xml", "text/*", "application/json;q=0", "*/*; q=0.000"),
        "text/html, application/*;q=0",
    ],
)
@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_accept_that_rules_json_out_is_not_acceptable(
    api: Api, operation: str, method: str, path: str, accept: str
) -> None:
    answer = ask(api.client, method, path, headers={"Accept": accept})

    assert (answer.status_code, is_problem(answer)["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept",
    [
        *("*/*", "application/*", "text/html, application/json", "application/json;q=0.001"),
        *("text/html;q=0, */*", "application/json; charset=utf-8"),
    ],
)
def test_accept_that_lets_json_in_is_answered(api: Api, group: TicketGroup, accept: str) -> None:
    assert api.hold(group, 2, "g-1", accept=accept).status_code == 201


def test_too_many_calls_are_rate_limited(
    api: Api, group: TicketGroup, settings: Settings, unchanged: Unchanged
) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    assert api.hold(group, 2, "g-1").status_code == 201
    with unchanged():
        answer = api.hold(group, 2, "g-2")

    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 50 < int(answer["Retry-After"]) <= 60
    assert Api(BrokerFactory()).look_up_hold("g-1").status_code == 404


@pytest.mark.parametrize("operation", ["hold", "release", "invoice"])
def test_bug_is_an_internal_error_that_changes_nothing_and_tells_nothing(
    api: Api,
    group: TicketGroup,
    unchanged: Unchanged,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    api.hold(group, 2, "g-1")

    def fail(*args: object, **facts: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(LedgerManager, "record", fail)
    with unchanged():
        match operation:
            case "hold":
                answer = api.hold(group, 2, "g-2")
            case "release":
                answer = api.release("g-1")
            case _:
                answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    for hint in (b"secret", b"RuntimeError", b"Traceback", b".py"):
        assert hint not in answer.content


def test_bug_in_a_look_up_is_an_internal_error(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holds.views.HOLD_ANSWER", None)
    api.release("g-1")

    assert api.look_up_hold("g-1").json()["code"] == "internal_error"


def test_bug_before_any_view_is_an_internal_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: HttpRequest) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr("holds.viewsets.is_usual", fail)
    client = Client(raise_request_exception=False)
    for _, method, path in CALLS:
        answer = ask(client, method, path)
        assert (answer.status_code, is_problem(answer)["code"]) == (500, "internal_error")
        assert b"secret" not in answer.content


def test_call_goes_on_after_a_bug(
    api: Api, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(services, "place", None)
        assert api.hold(group, 2, "g-1").status_code == 500

    assert api.hold(group, 2, "g-1").status_code == 201


def test_refused_calls_do_not_put_off_the_next_one_that_is_let_through(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr(throttling, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    settings.API_CALLS_PER_MINUTE = 60
    statuses = [api.look_up_hold("g-1").status_code for _ in range(5)]
    seconds[0] += 1

    assert statuses == [404, 429, 429, 429, 429]
    assert api.look_up_hold("g-1").status_code == 404
