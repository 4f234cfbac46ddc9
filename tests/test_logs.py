"""Logs: one JSON object a line, with who called, and without anything that lets somebody in."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from automator import logs
from automator.models import ApiKey, User
from inventory.models import Broker
from tests.factories import TicketGroupFactory, UserFactory
from tests.servers import Server, gunicorn

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def server(django_db_setup: None) -> Iterator[Server]:
    with gunicorn() as running:
        yield running


@pytest.fixture
def key(broker: Broker) -> str:
    return ApiKey.objects.issue(broker)[1]


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
