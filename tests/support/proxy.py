"""A network between the project and PostgreSQL that can fail at an exact place."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

from django.db import connection

REFUSED, SWALLOWED = "COMMIT does not arrive", "the answer to COMMIT does not arrive"
# The same on a network that says nothing of it: the connection seems to be open.
LOST, UNANSWERED = "COMMIT is lost", "the answer to COMMIT is lost"


class Proxy:
    """Passes connections on to the tests' PostgreSQL; `away` or `cut` break them.

    `cut` is what is lost, once, when the next COMMIT passes: REFUSED, SWALLOWED, LOST or
    UNANSWERED. After `stall` nothing passes, and nobody is told, until `come_back`.
    """

    def __init__(self) -> None:
        settings = connection.settings_dict
        self.upstream = (settings["HOST"] or "localhost", settings["PORT"] or "5432")
        self.login = {"user": settings["USER"], "password": settings["PASSWORD"]}
        self.database = settings["NAME"]
        self.cut = ""
        self.away = False
        self.stalled = False
        self.open: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.go_away()

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings of the database behind this network."""
        options = {"sslmode": "disable", "gssencmode": "disable"}
        settings = connection.settings_dict
        return {
            **settings,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "OPTIONS": {**settings["OPTIONS"], **options},
        }

    @property
    def url(self) -> str:
        """The same for another program."""
        place = {"host": "127.0.0.1", "port": self.port, "sslmode": "disable"}
        login = {name: value for name, value in self.login.items() if value}
        return f"postgresql:///{self.database}?{urlencode({**place, **login}, quote_via=quote)}"

    def go_away(self) -> None:
        """Break every connection, and refuse new ones until `come_back`."""
        self.away = True
        for end in list(self.open):
            _close(end)

    def stall(self) -> None:
        """Swallow what is sent on the connections that are open, and on new ones."""
        self.stalled = True

    def come_back(self) -> None:
        """Let new connections through. Those that swallowed something stay silent."""
        self.away = self.stalled = False

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.away:
                    client.close()
                    continue
                server = self._connect()
                self.open |= {client, server}
                for pump in (self._to_server, self._to_client):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self.upstream
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        silent = False
        for part in _parts(client):
            commit = b"COMMIT\0" in part or b"\0commit_" in part  # a prepared statement's name
            if self.cut == REFUSED and commit:
                break
            silent = silent or self.stalled or (self.cut == LOST and commit)
            if silent:
                self.cut = ""
                continue  # until the client gives up
            _send(server, part)
            if self.cut == SWALLOWED and commit:
                return  # the other pump ends both, once the server has answered
        self._end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        silent = False
        for part in _parts(server):
            committed = b"COMMIT\0" in part
            if self.cut == SWALLOWED and committed:
                break
            silent = silent or self.stalled or (self.cut == UNANSWERED and committed)
            if not silent:
                _send(client, part)
        self._end(client, server)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        self.cut = ""
        _close(client)
        _close(server)


def _parts(end: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while part := end.recv(65536):
            yield part


def _send(end: socket.socket, part: bytes) -> None:
    with contextlib.suppress(OSError):  # whoever has gone needs no answer
        end.sendall(part)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
