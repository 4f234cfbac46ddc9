"""Counts what code does, for tests that would otherwise measure how long it takes.

A time depends on the machine and on what else it does. A count does not.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

MOST = 20_000_000  # steps, so that a test of exponential work fails, and does not hang


def steps(work: Callable[[], object]) -> int:
    """Return how many lines, calls and returns of Python `work` makes, in this thread.

    A line counts each time that it runs, and so does each pass through a comprehension. What a
    function that is written in C does counts as nothing.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        nonlocal count
        count += 1
        assert count <= MOST, "this takes too many steps"
        return trace

    before = sys.gettrace()  # of the measurement of coverage, for example
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
