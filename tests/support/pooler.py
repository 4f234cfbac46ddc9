"""A connection pooler in transaction mode, which knows nothing of prepared statements.

Each transaction goes to the other one of two sessions, as PgBouncer before 1.21 may do.
"""

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any, Self

import psycopg
from django.db import connection

from tests.support.rivals import database_url

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
TOLD = ("server_version", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes")


class Pooler:
    """Accepts one client after the other, and lets in everybody."""

    def __init__(self) -> None:
        # libpq logs in to the sessions, of which only the sockets are used from then on.
        plain: dict[str, Any] = {"sslmode": "disable", "gssencmode": "disable"}
        self.sessions = [psycopg.connect(database_url(), **plain) for _ in range(2)]
        self.turns = itertools.cycle(self.sessions)
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for session in self.sessions:
            session.close()

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings of the database behind this pooler."""
        settings = connection.settings_dict
        options = {**settings["OPTIONS"], "sslmode": "disable", "gssencmode": "disable"}
        port = str(self.listener.getsockname()[1])
        return {**settings, "HOST": "127.0.0.1", "PORT": port, "OPTIONS": options}

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the client has gone, or the listener is closed
            while True:
                client, _ = self.listener.accept()
                with client, client.makefile("rb") as sent, contextlib.suppress(EOFError):
                    self._welcome(client, sent)
                    while True:
                        self._transaction(client, sent)

    def _welcome(self, client: socket.socket, sent: Any) -> None:
        code = 0
        while True:
            length, code = struct.unpack("!II", _read(sent, 8))
            _read(sent, length - 8)
            if code not in {SSL_REQUEST, GSS_REQUEST}:
                break
            client.sendall(b"N")
        parameters = self.sessions[0].info.parameter_status
        told = [name.encode() + b"\0" + str(parameters(name)).encode() + b"\0" for name in TOLD]
        client.sendall(
            b"".join(
                kind + struct.pack("!I", 4 + len(body)) + body
                for kind, body in [
                    (b"R", bytes(4)),  # authenticated
                    *((b"S", body) for body in told),
                    (b"K", bytes(8)),
                    (b"Z", b"I"),
                ]
            )
        )

    def _transaction(self, client: socket.socket, sent: Any) -> None:
        """Pass messages on between a client and a session until no transaction is open."""
        batch = list(_messages(sent, until=b"QS"))
        end = socket.socket(fileno=socket.dup(next(self.turns).pgconn.socket))
        end.settimeout(None)
        with end, end.makefile("rb") as answered:
            while True:
                end.sendall(b"".join(batch))
                answer = list(_messages(answered, until=b"Z"))
                client.sendall(b"".join(answer))
                if answer[-1].endswith(b"I"):
                    return
                batch = list(_messages(sent, until=b"QS"))


def _messages(stream: Any, *, until: bytes) -> Iterator[bytes]:
    """Read messages up to the first one of certain kinds, which is included."""
    while True:
        head = _read(stream, 5)
        yield head + _read(stream, struct.unpack("!I", head[1:])[0] - 4)
        if head[:1] in until:
            return


def _read(stream: Any, length: int) -> bytes:
    part: bytes = stream.read(length)
    if len(part) < length:
        raise EOFError
    return part
