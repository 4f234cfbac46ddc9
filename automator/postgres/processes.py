"""Processes that end in order: locks, signals, and children that never outlive their parent.

A `finally` does not run after SIGKILL. What must hold even then is left to the kernel: it frees
the locks of a process that ended, and signals its children (Linux only; asked for between fork and
exec, and kept over the exec).
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
    """The user and the group that a child takes on."""

    uid: int
    gid: int


class Terminated(SystemExit):
    """This process was told to end, by a signal."""


class Lock:
    """An advisory lock on a file, for as long as this process lives and holds it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, shared: bool = False, wait: bool = False) -> bool:
        """Take the lock, or change it between shared and exclusive; False if another has it."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._file, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self) -> None:
        """Write this process's number into the file, for the messages of others."""
        os.truncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def holder(self) -> str:
        """The number of the process that signed last."""
        return os.pread(self._file, 20, 0).decode() or "unknown"

    def release(self) -> None:
        """Let go. The file stays: to remove it could remove another's lock."""
        os.close(self._file)


def end_with_parent(signum: signal.Signals, parent: int) -> None:
    """Ask for a signal to this process when it loses its parent.

    The kernel watches the *thread* that forked, so a parent forks from its main thread.

    Args:
        signum: what this process is to receive then.
        parent: the parent's number. If it has ended already, the signal is sent here and now.
    """
    _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def child(signum: signal.Signals, account: Account | None = None) -> Callable[[], None]:
    """What a child does between fork and exec: the `preexec_fn` of a subprocess.

    Args:
        signum: what the child receives when its parent ends, however that ends.
        account: whom the child runs as; None leaves it as it is. Only root can give one.
    """
    parent = os.getpid()

    def prepare() -> None:
        if account:
            _become(account)
        end_with_parent(signum, parent)  # last, since a change of user clears it

    return prepare


def exit_on(*signums: signal.Signals) -> None:
    """Let the next of these signals raise Terminated, so that `with` blocks close.

    Those that follow do nothing: they must not cut short the closing that the first one began.
    SIGHUP stays ignored where it is, which is what nohup asks for.
    """
    heard = [s for s in signums if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN]

    def tell(signum: int, frame: FrameType | None) -> NoReturn:
        for each in heard:
            signal.signal(each, _do_nothing)
        raise Terminated(128 + signum)

    for each in heard:
        signal.signal(each, tell)


def _do_nothing(signum: int, frame: FrameType | None) -> None:
    """Stand in for SIG_IGN, which children would inherit."""


def _become(account: Account) -> None:
    """Give up root for another user, who can still pass through folders closed to others.

    A checkout below /root (0700) is out of every other user's reach. To open those folders would
    expose what else lies in them. Instead the child keeps one of root's capabilities, to search
    and read, as an ambient one: that kind is inherited by plain programs. Where a container
    withholds it but grants the wider one, as Docker does, the wider one is kept. access(2), by
    which PostgreSQL looks for its own programs, counts it only with the security bit.
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
