"""Logs: one JSON object a line, with who called, and without anything that lets somebody in."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.test import Client

from automator import logs
from automator.models import ApiKey, ApiKeyQuerySet, User
from inventory.models import Broker
from tests.support.factories import TicketGroupFactory, UserFactory
from tests.support.marketplace import Api
from tests.support.servers import Server, gunicorn

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def server(django_db_setup: None) -> Iterator[Server]:
    with gunicorn() as running:
        yield running


def log(server: Server) -> list[dict[str, Any]]:
    """Every line that a server wrote from its start to its end."""
    assert server.stop() == 0
    return [json.loads(line) for line in server.program.output.splitlines()]


def formatted(*args: Any, **kwargs: Any) -> str:
    record = logging.getLogger("automator.tests").makeRecord(*args, **kwargs)
    return logs.JSONFormatter().format(record)


@pytest.mark.django_db(transaction=True)
def test_call_is_one_line_of_json(server: Server, key: str, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker)
    body = json.dumps({"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"})
    server.request(
        *("POST", "/api/v1/holds", body.encode()),
        x_api_key=key,
        content_type="application/json",
        x_request_id="tevo-17",
    )
    lines = log(server)
    (line,) = (line for line in lines if line["logger"] == "automator.access")

    assert line["message"] == "POST /api/v1/holds 201"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/api/v1/holds", 201)
    assert line["request_id"] == "tevo-17"
    assert line["key_id"] == key.split("_")[1]
    assert line["milliseconds"] > 0
    assert line["at"].endswith("+00:00")
    assert {"Listening", "Booting", "Handling"} <= {each["message"].split()[0] for each in lines}


@pytest.mark.django_db(transaction=True)
def test_secrets_are_in_no_line(server: Server, key: str) -> None:
    secret = key.rpartition("_")[2]
    wrong = f"{key[:-4]}0000"
    for headers in ({"x_api_key": key}, {"x_api_key": wrong}, {"x_request_id": key}):
        server.request("GET", f"/api/v1/holds/{key}", None, **headers)
        server.request("GET", f"/api/v1/holds/g-1?key={key}", None, **headers)
        server.request("POST", "/api/v1/invoices", f'{{"order_id": "{key}"'.encode(), **headers)
    written = json.dumps(log(server))

    assert "GET /api/v1/holds/automator_" in written
    assert secret not in written
    assert wrong.rpartition("_")[2] not in written


@pytest.mark.django_db(transaction=True)
def test_logging_in_leaves_no_password_and_no_session(server: Server) -> None:
    user: User = UserFactory(whole=True)
    user.set_password(PASSWORD)
    user.save()
    form = server.request("GET", "/admin/login/")
    cookie = form.headers["Set-Cookie"].partition(";")[0]
    token = form.body.decode().partition('name="csrfmiddlewaretoken" value="')[2][:64]
    sent = {"username": user.username, "password": PASSWORD, "csrfmiddlewaretoken": token}
    entered = server.request(
        *("POST", "/admin/login/?next=/admin/", urlencode(sent).encode()),
        cookie=cookie,
        content_type="application/x-www-form-urlencoded",
    )
    session = entered.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    written = json.dumps(log(server))

    assert entered.status == 302
    assert "POST /admin/login/ 302" in written
    assert len(session) >= 32
    for secret in (PASSWORD, session, cookie.partition("=")[2], token):
        assert secret not in written


@pytest.mark.django_db(transaction=True)
def test_no_caller_can_forge_a_line(server: Server) -> None:
    server.request("GET", "/api/v1/holds/%0a%7B%22level%22%3A%22forged%22%7D%1b[31m")
    lines = log(server)

    assert all(line["level"] == "INFO" for line in lines)
    assert any("forged" in line["message"] for line in lines)


@pytest.mark.django_db(transaction=True)
def test_address_in_a_line_is_what_the_outermost_proxy_of_ours_saw(key: str) -> None:
    with gunicorn(PROXY_HOPS="1") as running:
        running.request("GET", "/healthz", x_forwarded_for="192.0.2.1, 203.0.113.9")
        running.request("GET", "/no-such-page", x_forwarded_for="203.0.113.10")
        lines = [line for line in log(running) if line["logger"] == "automator.access"]

    assert [line["address"] for line in lines] == ["203.0.113.9", "203.0.113.10"]


class Written(io.StringIO):
    """What the project's own handlers write to standard error."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stderr() -> Iterator[Written]:
    names = ("", "automator.api.problems", "django.request", "django.security")
    handlers = {
        handler
        for name in names
        for handler in logging.getLogger(name or None).handlers
        if isinstance(handler, logging.StreamHandler)
        and isinstance(handler.formatter, logs.JSONFormatter)
    }
    written = Written()
    streams = {handler: handler.setStream(written) for handler in handlers}
    yield written
    for handler, stream in streams.items():
        handler.setStream(stream)


@pytest.mark.django_db
def test_refused_address_is_logged_with_its_key(api: Api, stderr: Written) -> None:
    ApiKey.objects.update(networks=["203.0.113.0/24"])
    api.client.defaults["REMOTE_ADDR"] = "198.51.100.7"
    api.look_up_hold("g-1")
    (line,) = stderr.lines()

    assert (line["status"], line["code"]) == (403, "address_not_allowed")
    assert (line["key_id"], line["address"]) == (api.key_id, "198.51.100.7")


@pytest.mark.django_db
def test_bug_in_a_call_is_one_line_with_its_traceback(
    api: Api, stderr: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holds.views.HOLD_ANSWER", None)
    answer = api.release("g-1")
    (line,) = stderr.lines()

    assert (line["level"], line["status"], line["code"]) == ("ERROR", 500, "internal_error")
    assert line["message"] == "POST /api/v1/holds/g-1/release 500"
    assert line["error"] == "AttributeError: 'NoneType' object has no attribute 'to_representation'"
    assert "holds/views.py" in line["traceback"]
    assert answer.status_code == 500


@pytest.mark.django_db
def test_bug_in_a_page_is_one_line_with_its_traceback(
    stderr: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automator.docs.explain", None)
    answer = Client(raise_request_exception=False).get("/docs/errors/busy/")
    (line,) = stderr.lines()

    assert (answer.status_code, line["status"], line["level"]) == (500, 500, "ERROR")
    assert line["error"].startswith("TypeError: ")
    assert "automator/docs.py" in line["traceback"]
    assert "code" not in line


@pytest.mark.django_db
def test_call_that_the_database_does_not_answer_is_one_line(
    api: Api, stderr: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise OperationalError("no route to host")

    monkeypatch.setattr(ApiKeyQuerySet, "verified", away)
    api.look_up_hold("g-1")
    (line,) = stderr.lines()

    assert (line["level"], line["status"], line["code"]) == ("WARNING", 503, "unavailable")
    assert "no route to host" in line["error"]
    assert line["message"] == "GET /api/v1/holds/g-1 503"
    assert "traceback" not in line


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics", 404),
        ("GET", "/api/metrics", 404),
        ("POST", "/admin/login/", 403),  # without its token against forgery
        ("POST", "/healthz", 403),
        ("GET", "/docs/errors/none/", 404),
    ],
)
def test_refused_request_is_one_line(method: str, path: str, status: int, stderr: Written) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    (line,) = stderr.lines()

    assert answer.status_code == status
    assert line["message"] == f"{method} {path} {status}"


def test_what_is_logged_outside_of_a_request_is_written_at_once(
    stderr: Written,
) -> None:
    logging.getLogger("django.security.csrf").warning("no request")

    assert [line["message"] for line in stderr.lines()] == ["no request"]


def test_fault_is_logged_with_its_traceback_in_the_same_line() -> None:
    with pytest.raises(ValueError, match="second line") as caught:
        int("first line, second line")
    fault = (caught.type, caught.value, caught.tb)
    line = formatted("automator", logging.ERROR, "here", 1, "no %s", ("good",), fault)

    assert "\n" not in line
    assert json.loads(line)["message"] == "no good"
    assert "second line" in json.loads(line)["traceback"]


def test_line_outside_of_a_request_has_no_request_id() -> None:
    line = json.loads(formatted("automator", logging.INFO, "here", 1, "started", (), None))

    assert line["request_id"] == ""
    assert "key_id" not in line


def test_value_that_json_does_not_know_is_written_as_text() -> None:
    facts = {"path": object(), "unknown": "dropped"}
    line = json.loads(formatted("automator", logging.INFO, "here", 1, "odd", (), None, extra=facts))

    assert line["path"].startswith("<object")
    assert "unknown" not in line
