"""The service as gunicorn runs it: bodies of every kind, connections that go on, an orderly end."""

import json
from collections.abc import Callable, Iterator

import pytest

from automator.api.parsers import MOST_BYTES
from holds.models import Hold
from inventory.models import TicketGroup
from tests.support.fixtures import Unchanged
from tests.support.rivals import Rivals, somebody_locks, until_waiting
from tests.support.servers import Server, gunicorn

pytestmark = pytest.mark.django_db(transaction=True)
PRODUCTION = {"DEMO": "0", "SECRET_KEY": "not-weak-" * 6, "ALLOWED_HOSTS": "127.0.0.1,localhost"}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with gunicorn() as running:
        yield running


def hold(group: TicketGroup, global_id: str = "g-1") -> bytes:
    body = {"remote_id": group.remote_id, "quantity": 2, "global_id": global_id}
    return json.dumps(body).encode()


def post(key: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    """A hold call, byte for byte."""
    lines = [
        f"POST /api/v1/holds HTTP/{version}",
        "Host: localhost",
        f"X-API-Key: {key}",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sized(key: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    return post(key, body, f"Content-Length: {len(body)}", *headers, version=version)


def chunked(key: str, body: bytes, *headers: str, size: int = 50) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return post(key, wire, "Transfer-Encoding: chunked", *headers)


def test_hold_over_the_network_is_held(server: Server, key: str, group: TicketGroup) -> None:
    answer = server.request(
        "POST", "/api/v1/holds", hold(group), x_api_key=key, content_type="application/json"
    )

    assert (answer.status, answer.json["status"]) == (201, "held")
    assert Hold.objects.get().global_id == "g-1"


def test_static_files_come_from_the_same_server(server: Server) -> None:
    style = server.request("GET", "/static/automator/docs.css")

    assert (style.status, style.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert b"prefers-color-scheme: dark" in style.body


def test_chunked_body_is_read(server: Server, key: str, group: TicketGroup) -> None:
    (answer,) = server.exchange(chunked(key, hold(group), "Connection: close"))

    assert (answer.status, answer.json["seats"]) == (201, ["7", "8"])


@pytest.mark.parametrize("send", [sized, chunked])
def test_connection_goes_on_after_a_body_that_is_too_large(
    send: Callable[..., bytes], server: Server, key: str, group: TicketGroup
) -> None:
    large = send(key, hold(group)[:-1] + b" " * MOST_BYTES + b"}")
    refused, held = server.exchange(large + sized(key, hold(group), "Connection: close"))

    assert (refused.status, refused.json["code"]) == (413, "body_too_large")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert held.status == 201


@pytest.mark.parametrize("send", [sized, chunked])
def test_body_that_is_too_large_changes_nothing(
    send: Callable[..., bytes], server: Server, key: str, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged():
        (answer,) = server.exchange(send(key, hold(group) + b" " * MOST_BYTES, "Connection: close"))

    assert answer.status == 413


def test_body_that_ends_early_changes_nothing(
    server: Server, key: str, group: TicketGroup, unchanged: Unchanged
) -> None:
    cut = chunked(key, hold(group))[:-9]
    with unchanged(), server.connect() as connection:
        connection.sendall(cut)
    (answer,) = server.exchange(sized(key, hold(group), "Connection: close"))

    assert answer.status == 201


def test_caller_may_wait_for_leave_to_send_the_body(
    server: Server, key: str, group: TicketGroup
) -> None:
    head, _, body = sized(key, hold(group), "Expect: 100-continue", "Connection: close").rpartition(
        b"\r\n\r\n"
    )
    with server.connect() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")


def test_http_1_0_is_answered_and_closed(server: Server, key: str, group: TicketGroup) -> None:
    (held,) = server.exchange(sized(key, hold(group), version="1.0"))
    (empty,) = server.exchange(post(key, b"", version="1.0"))

    assert held.status == 201
    assert (empty.status, empty.json["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("header", ["PATH_INFO: /healthz", "SCRIPT_NAME: /api", "X_API_Key: {key}"])
def test_header_with_an_underscore_is_nothing_to_the_service(
    header: str, server: Server, key: str, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged():
        (answer,) = server.exchange(
            sized("wrong", hold(group), header.format(key=key), "Connection: close")
        )

    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


def test_stop_answers_the_call_in_flight(key: str, group: TicketGroup, rivals: Rivals) -> None:
    with gunicorn() as running:
        with somebody_locks(group):
            call = rivals.start(
                lambda: running.exchange(sized(key, hold(group), "Connection: close"))
            )
            until_waiting(1)
            running.program.process.terminate()
            running.program.expect("Handling signal: term")
        (answer,) = call.result()

        assert answer.status == 201
        assert running.program.end() == 0
    assert Hold.objects.get().global_id == "g-1"


def test_production_takes_no_key_over_plain_http(
    key: str, group: TicketGroup, unchanged: Unchanged
) -> None:
    with gunicorn(**PRODUCTION) as running, unchanged():
        # With no proxy of ours in front, what one would say is the caller's own word.
        for header in ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: on", "Accept: */*"):
            (answer,) = running.exchange(sized(key, hold(group), header, "Connection: close"))
            assert (answer.status, answer.json["code"]) == (403, "https_required")
        page = running.request("GET", "/docs/")
        assert (page.status, page.headers["Location"]) == (
            301,
            f"https://127.0.0.1:{running.port}/docs/",
        )
        assert running.request("GET", "/readyz").status == 200


def test_production_behind_a_proxy_believes_it(key: str, group: TicketGroup) -> None:
    with gunicorn(**PRODUCTION, PROXY_HOPS="1") as running:
        (refused,) = running.exchange(
            sized(key, hold(group), "X-Forwarded-Proto: http", "Connection: close")
        )
        (held,) = running.exchange(
            sized(key, hold(group), "X-Forwarded-Proto: https", "Connection: close")
        )

    assert refused.json["code"] == "https_required"
    assert held.status == 201
    assert held.headers["Strict-Transport-Security"].startswith("max-age=31536000")
