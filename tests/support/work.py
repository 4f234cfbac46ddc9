"""Counts what code does, for tests that would otherwise measure how long it takes.

A time depends on the machine and on what else it does. A count does not.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

MOST = 10_000_000  # steps, so that a test of exponential work fails, and does not hang
# The methods of lists and texts that take as long however long these are.
AT_ONCE = frozenset({"append", "clear", "endswith", "extend", "pop", "startswith"})


def steps(work: Callable[[], object]) -> int:
    """Return how many lines, calls and returns of Python `work` makes, in this thread.

    A line counts each time that it runs, and so does each pass through a comprehension. A method of
    a text, a list or a tuple counts as many steps as that is long. Nothing else that is written in
    C counts: for regular expressions there is tests.support.patterns.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        nonlocal count
        count += 1
        assert count <= MOST, "this takes too many steps"
        return trace

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        if event == "c_call" and isinstance(owner := arg.__self__, (str, bytes, list, tuple)):
            count += len(owner) if arg.__name__ not in AT_ONCE else 0

    before = sys.gettrace(), sys.getprofile()  # the measurement of coverage, for example
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
    return count
