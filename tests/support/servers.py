"""gunicorn with the project's own configuration, on the tests' database and a port of its own."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple

from tests.support.programs import PATIENCE, Program, free_port, listens, wait_until
from tests.support.rivals import database_url


class Answer(NamedTuple):
    """What came back over the network."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Server:
    """A running gunicorn."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; x_api_key is the header X-Api-Key."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def exchange(self, sent: bytes) -> list[Answer]:
        """Send bytes as they are, on one connection, and take all answers until it is closed."""
        received = b""
        with self.connect() as connection:
            connection.sendall(sent)
            while part := connection.recv(65536):
                received += part
        return [parsed(answer) for answer in received.split(b"HTTP/1.")[1:]]

    def stop(self) -> int:
        """Stop in order, and return the exit code."""
        self.program.process.terminate()
        return self.program.end()


def parsed(answer: bytes) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body)


@contextmanager
def gunicorn(**environment: str) -> Iterator[Server]:
    """A server with one process of four threads; `environment` adds to its settings."""
    port = free_port()
    settings = {
        "DATABASE_URL": database_url(),
        "DEMO": "1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "4",
        **environment,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:automator.gunicorn"]
    with Program(*command, "automator.wsgi", environment=settings) as program:
        wait_until(lambda: listens(port) or program.process.poll() is not None, "gunicorn")
        yield Server(program, port)
