"""Locks, signals, and child processes that never outlive their parent.

A `finally` block does not run after SIGKILL, so the kernel does what must happen even then: it
releases the locks of a process that ended, and sends a signal to its children. The latter exists
on Linux only. It is requested between fork and exec, and remains in force after the exec.
"""

import ctypes
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_GET_SECUREBITS, PR_SET_SECUREBITS = 1, 8, 27, 28
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class Account(NamedTuple):
    """The user and the group that a child process runs under."""

    uid: int
    gid: int


class Terminated(SystemExit):
    """A signal told this process to end."""


class Lock:
    """An advisory lock on a file, which the kernel releases when the process ends."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, shared: bool = False, wait: bool = False) -> bool:
        """Take the lock, or change it between shared and exclusive.

        Args:
            shared: whether other processes may hold the lock as well.
            wait: whether to wait for the lock.

        Returns False if another process holds the lock.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._file, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self) -> None:
        """Write the id of this process into the file, for the messages of other processes."""
        os.truncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def holder(self) -> str:
        """Return the id of the process that called `sign` last, or "unknown"."""
        return os.pread(self._file, 20, 0).decode() or "unknown"

    def release(self) -> None:
        """Release the lock. The file remains, since another process may have locked it by now."""
        os.close(self._file)


def end_with_parent(signum: signal.Signals, parent: int) -> None:
    """Request a signal to this process for when its parent ends.

    The kernel watches the *thread* that forked, so the parent must fork from its main thread.

    Args:
        signum: the signal that this process receives.
        parent: the parent's process id. If it has already ended, the signal is sent at once.
    """
    _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def child(signum: signal.Signals, account: Account | None = None) -> Callable[[], None]:
    """Return a `preexec_fn` for a subprocess that must not outlive this process.

    Args:
        signum: the signal that the child receives when this process ends for any reason.
        account: the account that the child runs under; None keeps the account of this process.
            Only root can pass another one.
    """
    parent = os.getpid()

    def prepare() -> None:
        if account:
            _become(account)
        end_with_parent(signum, parent)  # last, since a change of user cancels the request

    return prepare


def exit_on(*signums: signal.Signals) -> None:
    """Make the first of these signals raise Terminated, so that `with` blocks are closed.

    Later signals are ignored, so that they do not interrupt the cleanup. SIGHUP remains ignored if
    it is ignored now, as under nohup.
    """
    heard = [s for s in signums if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN]

    def tell(signum: int, frame: FrameType | None) -> NoReturn:
        for each in heard:
            signal.signal(each, _do_nothing)
        raise Terminated(128 + signum)

    for each in heard:
        signal.signal(each, tell)


def _do_nothing(signum: int, frame: FrameType | None) -> None:
    """Ignore a signal without SIG_IGN, which children would inherit."""


def _become(account: Account) -> None:
    """Change from root to another user, but keep the right to enter folders that are closed to it.

    No other user can reach a checkout below /root, whose mode is 0700, and opening that folder
    would expose other files in it. The child therefore keeps one of root's capabilities, that to
    search and read, as an ambient capability, which programs inherit. If a container does not grant
    it but grants the wider one, as Docker does, the wider one is kept. access(2), by which
    PostgreSQL finds its own programs, respects the capability only if the security bit is set.
    """
    os.setgroups([])
    os.setgid(account.gid)
    bits = _libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)
    _libc.prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setuid(account.uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their high words
    _libc.capget(header, sets)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        mask = 1 << capability
        if sets[1] & mask:
            sets[:] = [mask, mask, mask, 0, 0, 0]
            _libc.capset(header, sets)
            _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return
