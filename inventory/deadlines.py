"""The time by which a request must be answered, whatever the database does.

A deadline belongs to a thread's current work. The connections of `inventory.database` look at it
before each wait for PostgreSQL, and give the connection up once it has passed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Seconds from the arrival of a call to its answer. A call holds its lock for less than that, since
# it takes the lock later.
CALL_SECONDS = 4.0
# How many seconds the current request waited for a thread before anybody looked at it.
queued: ContextVar[float] = ContextVar("queued", default=0.0)

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let no wait for PostgreSQL in this thread go on for longer than `seconds` from now.

    Inside another deadline the earlier one counts.
    """
    outer = _deadline.get()
    inner = time.monotonic() + seconds
    token = _deadline.set(inner if outer is None else min(inner, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def left() -> float | None:
    """Return how many seconds are left, at least 0, or None where there is no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())
