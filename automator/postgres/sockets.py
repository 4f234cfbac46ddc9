"""The path of the embedded server's socket, which takes the place of a network port."""

import hashlib
import os
from pathlib import Path

PORT = 5432  # not a network port, but a part of the socket's name
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 100  # bytes; the kernel allows 107


def socket_folder(data: Path) -> Path:
    """Return the folder of the server's socket, which is the host that a client connects to.

    This is the data folder, unless its path is too long for a socket or contains a character that
    is special in a list of hosts. The folder is not made here.
    """
    data = data.resolve()
    if len(os.fsencode(data / SOCKET)) <= LONGEST_SOCKET and not set(',"') & set(str(data)):
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    # TMPDIR is not used, since a command in another terminal must find the same folder.
    return Path(f"/tmp/automator-{os.geteuid()}-{name}")  # noqa: S108
