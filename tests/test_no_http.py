"""Bytes that are no HTTP request, and odd requests that are: JSON, and the server goes on."""

import json
import struct
from collections.abc import Iterator
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET, socketpair
from typing import Any

import pytest

from automator.api.problems import MEDIA_TYPE, PROBLEMS
from automator.gunicorn_worker import Worker
from inventory.models import TicketGroup
from tests.support.fixtures import Unchanged
from tests.support.marketplace import PROBLEM
from tests.support.servers import Answer, Server, gunicorn, parsed

pytestmark = pytest.mark.django_db(transaction=True)

LINE = b"POST /api/v1/holds HTTP/1.1\r\n"
HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = LINE + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NO_REQUESTS: dict[str, tuple[int, bytes]] = {
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\r\n\r\n"),
    "a request line cut short": (400, b"GET\r\n\r\n"),
    "no version": (400, b"GET /api/v1\r\n\r\n"),
    "an unknown version": (400, b"GET / HTTP/9.9\r\n\r\n"),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a method in small letters": (400, b"get / HTTP/1.1\r\n\r\n"),
    "a method that is no token": (400, b"G(T / HTTP/1.1\r\n\r\n"),
    "a path that is not ASCII": (400, b"GET /api/\xff HTTP/1.1\r\n\r\n"),
    "a star for a path": (400, b"GET * HTTP/1.1\r\n\r\n"),
    "half an IPv6 address": (400, b"GET http://[/api HTTP/1.1\r\n\r\n"),
    "a long request line": (414, b"GET /api/v1/" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"),
    "a long header": (431, LINE + b"X: " + b"a" * 9000 + b"\r\n\r\n"),
    "many headers": (431, LINE + b"X: 1\r\n" * 150 + b"\r\n"),
    "a folded header": (400, LINE + b"X: a\r\n b\r\n\r\n"),
    "a header without a colon": (400, LINE + b"X\r\n\r\n"),
    "a space in a header's name": (400, LINE + b"X a: 1\r\n\r\n"),
    "NUL in a header": (400, LINE + b"X: \0\r\n\r\n"),
    "two hosts": (400, LINE + b"Host: a\r\nHost: b\r\n\r\n"),
    "a negative length": (400, LINE + b"Content-Length: -1\r\n\r\n{}"),
    "a length that is no number": (400, LINE + b"Content-Length: x\r\n\r\n{}"),
    "two lengths": (400, LINE + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    "a length and chunks": (400, CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n0\r\n\r\n"),
    "an unknown coding": (400, LINE + b"Transfer-Encoding: foo\r\n\r\n0\r\n\r\n"),
    "an unknown expectation": (400, LINE + b"Expect: foo\r\nContent-Length: 2\r\n\r\n{}"),
    "a chunk's size that is no number": (400, CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk without an end": (400, CHUNKED + b"2\r\n{}xx0\r\n\r\n"),
    "a chunk's odd extension": (400, CHUNKED + b"2;\x01\r\n{}\r\n0\r\n\r\n"),
    "a trailer that is none": (400, CHUNKED + b"2\r\n{}\r\n0\r\nHost: a\r\n\r\n"),
}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with gunicorn() as running:
        yield running


def problem_in(answer: Answer) -> dict[str, Any]:
    """The members of an answer that is a problem of the contract."""
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.json.keys() >= PROBLEM
    assert answer.json["status"] == answer.status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert answer.json["type"] == PROBLEMS[answer.json["code"]].type
    return answer.json


@pytest.mark.parametrize("sent", NO_REQUESTS)
def test_bytes_that_are_no_request_are_a_problem_and_the_end(
    sent: str, server: Server, unchanged: Unchanged
) -> None:
    status, wire = NO_REQUESTS[sent]
    with unchanged():
        # What follows on the connection is not looked at: nobody knows where it begins.
        (answer,) = server.exchange(wire + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.status == status
    assert answer.headers["Connection"] == "close"
    problem = problem_in(answer)
    assert (problem["code"], problem["retryable"]) == ("invalid_request", False)
    assert [error["field"] for error in problem["errors"]] == [None]
    assert server.request("GET", "/healthz").status == 200


def test_bad_chunk_keeps_the_callers_own_request_id(server: Server) -> None:
    wire = CHUNKED.replace(HEAD, HEAD + b"X-Request-Id: tevo-17\r\n") + b"zz\r\n"
    (answer,) = server.exchange(wire)

    assert problem_in(answer)["request_id"] == "tevo-17"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /docs/errors/busy/ HTTP/1.1\r\nHost: localhost\r\n", 200),
        (LINE + HEAD, 413),  # the bad chunk comes after more than any body may have
    ],
)
def test_request_that_was_answered_is_not_answered_once_more(
    head: bytes, status: int, server: Server, key: str
) -> None:
    body = b"5000\r\n" + b" " * 0x5000 + b"\r\nzz\r\n"
    authorised = head + f"X-API-Key: {key}\r\n".encode()
    (answer,) = server.exchange(authorised + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    assert answer.status == status
    assert server.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("CONNECT /api/v1/holds", 405, "method_not_allowed"),
        ("TRACE /api/v1/holds", 405, "method_not_allowed"),
        ("OPTIONS /api/v1/holds", 405, "method_not_allowed"),
        ("GET http://localhost/api/v1/holds/g-1", 404, "hold_not_found"),
        ("GET /api//v1/holds/g-1", 404, "not_found"),
        ("GET /api/v1/../v1/holds/g-1", 404, "not_found"),
        ("GET /api%2Fv1/holds/g-1", 404, "hold_not_found"),
        ("GET /api/v1/holds/g%2F1", 404, "not_found"),
        ("GET /api/v1/holds/%00", 400, "invalid_request"),
        ("GET /api/v1/holds/%C3%A9", 400, "invalid_request"),
        ("GET /api/v1/holds/%FF", 404, "hold_not_found"),  # no UTF-8: the id is those three letters
        ("GET /api/v1/holds/%zz", 404, "hold_not_found"),
        ("GET /api/v1/%0A", 404, "not_found"),
        ("GET /api/v1/holds/g-1?%FF=%00", 404, "hold_not_found"),
    ],
)
def test_odd_request_is_answered_as_any_other(
    line: str, status: int, code: str, server: Server, key: str
) -> None:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
    (answer,) = server.exchange(head.encode())

    assert (answer.status, problem_in(answer)["code"]) == (status, code)


@pytest.mark.parametrize("more", ["charset*=foo''bar", "boundary*=x''%41", "x*=foo\xff''bar"])
def test_media_type_that_cannot_be_read_is_not_supported(
    more: str, server: Server, key: str, group: TicketGroup, unchanged: Unchanged
) -> None:
    body = json.dumps({"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"}).encode()
    head = (
        f"POST /api/v1/holds HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/json; {more}\r\nContent-Length: {len(body)}\r\n"
    )
    with unchanged():
        (answer,) = server.exchange(head.encode("latin-1") + b"Connection: close\r\n\r\n" + body)

    assert (answer.status, problem_in(answer)["code"]) == (415, "unsupported_media_type")


def test_media_type_that_cannot_be_read_matters_nowhere_else(server: Server) -> None:
    assert server.request("GET", "/docs/", content_type="a/b; c*=foo''d").status == 200


def test_lines_about_no_requests_have_an_id_an_address_and_no_secret(key: str) -> None:
    secret = key.rpartition("_")[2]
    with gunicorn() as running:
        (answer,) = running.exchange(LINE + f"X-API-Key: {key}\0\r\n\r\n".encode())
        (_,) = running.exchange(CHUNKED + b'zz\r\n{"level": "forged"}\r\n')
        assert running.stop() == 0
        lines = [json.loads(line) for line in running.program.output.splitlines()]

    first, second = (line for line in lines if line["level"] == "WARNING")
    assert first["request_id"] == answer.headers["X-Request-Id"]
    assert (first["status"], first["code"]) == (400, "invalid_request")
    assert (first["address"], second["address"]) == ("127.0.0.1", "127.0.0.1")
    assert (second["method"], second["path"]) == ("POST", "/api/v1/holds")
    assert second["error"].startswith("Invalid chunk size")
    assert secret not in running.program.output


def test_fault_outside_of_django_is_an_internal_error_that_tells_nothing() -> None:
    ours, theirs = socketpair()
    worker = Worker.__new__(Worker)  # handle_error needs nothing of a running one
    with ours, theirs:
        worker.handle_error(None, ours, ("203.0.113.9", 80), RuntimeError("a secret of the house"))
        ours.shutdown(SHUT_WR)
        received = theirs.makefile("rb").read()
    answer = parsed(received.partition(b"HTTP/1.")[2])
    problem = problem_in(answer)

    assert (answer.status, problem["code"], problem["retryable"]) == (500, "internal_error", True)
    assert answer.headers["Connection"] == "close"
    assert b"secret" not in received


def test_caller_who_hangs_up_in_the_middle_is_no_fault_of_the_service(key: str) -> None:
    head = LINE + HEAD + f"X-API-Key: {key}\r\nContent-Length: 900\r\n\r\n{{".encode()
    with gunicorn() as running:
        with running.connect() as connection:
            connection.sendall(head)
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert running.request("GET", "/healthz").status == 200
        assert running.stop() == 0
        lines = [json.loads(line) for line in running.program.output.splitlines()]

    assert {line["level"] for line in lines} == {"INFO"}
