"""How quick the machine is while something else is measured.

The CPU time of the same work is not always the same: other programs and other guests of the host
take caches, clock speed and the other half of a core, which no counter shows. A thread therefore
does a little fixed work now and then during each turn, and takes its CPU time.
"""

import hashlib
import json
import threading
import time
from statistics import median
from typing import Self

SECONDS_BETWEEN = 0.1
REPETITIONS = 100  # some 2 ms of work
SOME_CALL = {"remote_id": "g-1", "quantity": 2, "global_id": "t1-1", "seats": ["1", "2"]}


def work() -> float:
    """Do the fixed work, and return the milliseconds of CPU that it took this thread."""
    start = time.thread_time()
    for _ in range(REPETITIONS):
        hashlib.sha256(json.dumps(json.loads(json.dumps(SOME_CALL))).encode()).hexdigest()
    return 1000 * (time.thread_time() - start)


class Yardstick:
    """Takes the time of the fixed work again and again inside a `with` block."""

    def __init__(self) -> None:
        self._taken: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    @property
    def milliseconds(self) -> float:
        """The median CPU time of the fixed work."""
        return median(self._taken)

    def _measure(self) -> None:
        while not self._taken or not self._ended.wait(SECONDS_BETWEEN):
            self._taken.append(work())
