"""The time by which a request must be answered, whatever the database does.

A deadline belongs to the current work of a thread. The connections of `inventory.database` check it
before each wait for PostgreSQL, and are closed once it has passed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# The longest time from the arrival of a call to its answer, in seconds. A call takes its lock after
# it has arrived, so it holds the lock for less than that.
CALL_SECONDS = 4.0
# How long the first statement on a connection that has been used before may take, in seconds: that
# of a call, or Django's "SELECT 1". If it takes longer, the request gets a new connection.
HEALTH_CHECK_SECONDS = 1.0
# How long the current request waited for a free thread, in seconds.
queued: ContextVar[float] = ContextVar("queued", default=0.0)

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit all waits for PostgreSQL in the block to `seconds` from now.

    If the block is inside another one, the earlier deadline applies.
    """
    outer = _deadline.get()
    inner = time.monotonic() + seconds
    token = _deadline.set(inner if outer is None else min(inner, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def left() -> float | None:
    """Return how many seconds are left, at least 0, or None if there is no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())
