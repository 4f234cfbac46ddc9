"""Counts round trips and statements between a contestant and PostgreSQL, exactly."""

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from automator.postgres.sockets import SOCKET

HEADER = 5  # bytes of a message before its body: a letter, and a length that counts itself
COMMAND_COMPLETE = ord("C")
SECONDS_BETWEEN_LOOKS = 0.1
CHUNK = 65536


@dataclass(slots=True)
class Side:
    """One side of a connection. `left` is the beginning of a message that is not complete."""

    client: bool
    socket: socket.socket
    other: "Side | None" = None
    waiting: bool = False
    left: bytes = b""


class Proxy:
    """A socket in a folder of its own that leads to the server's. Use it as a context manager.

    `trips` counts how often a client sent something and then waited for the answer. `statements`
    counts the statements that PostgreSQL has completed, BEGIN and COMMIT included, even if many are
    sent at once.

    Args:
        server: the folder of the server's socket.
        folder: an empty folder for the socket of the proxy.
    """

    def __init__(self, server: Path, folder: Path) -> None:
        self.folder = folder
        self.trips = self.statements = 0
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()

    def __enter__(self) -> "Proxy":
        """Listen, in a thread."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / SOCKET
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._pass_on)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close all connections."""
        self._ended.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _pass_on(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(SECONDS_BETWEEN_LOOKS):
                if key.data is None:
                    self._accept()
                else:
                    self._forward(key.data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server / SOCKET))
        near, far = Side(client=True, socket=client), Side(client=False, socket=server)
        near.other, far.other = far, near
        for side in (near, far):
            self._selector.register(side.socket, selectors.EVENT_READ, side)

    def _forward(self, side: Side) -> None:
        other = side.other
        data = b""
        with contextlib.suppress(OSError):
            data = side.socket.recv(CHUNK)
        if not data or other is None:
            self._close(side)
            return
        if side.client:
            self.trips += not side.waiting
            side.waiting = True
        else:
            other.waiting = False
            self._count(side, data)
        try:
            other.socket.sendall(data)
        except OSError:
            self._close(side)

    def _count(self, side: Side, data: bytes) -> None:
        buffer = side.left + data
        at = 0
        while len(buffer) - at >= HEADER:
            end = at + 1 + int.from_bytes(buffer[at + 1 : at + HEADER], "big")
            if end > len(buffer):
                break
            self.statements += buffer[at] == COMMAND_COMPLETE
            at = end
        side.left = buffer[at:]

    def _close(self, side: Side) -> None:
        for each in (side, side.other):
            if each is not None and each.socket.fileno() >= 0:
                self._selector.unregister(each.socket)
                each.socket.close()
