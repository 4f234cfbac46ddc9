"""How many calls a key may make: a bucket per key in each server process."""

import math
import threading
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # DRF's views load this module
    from rest_framework.views import APIView


class CallsPerMinute(BaseThrottle):
    """At most API_CALLS_PER_MINUTE a key, evenly; a burst of one second's worth is fine.

    Kept in the process: a count in the database would cost each call a write. It protects the
    service from a caller gone wild; it is no accounting.
    """

    buckets: dict[int, tuple[float, float]] = {}
    lock = threading.Lock()

    def __init__(self) -> None:
        self.seconds = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        rate = settings.API_CALLS_PER_MINUTE / 60
        key: Any = request.auth  # a FoundKey, or None
        if not rate or key is None:
            return True
        burst = max(rate, 1.0)
        now = time.monotonic()
        with self.lock:
            tokens, then = self.buckets.get(key.id, (burst, now))
            tokens = min(burst, tokens + (now - then) * rate)
            self.buckets[key.id] = (tokens - 1 if tokens >= 1 else tokens, now)
        self.seconds = max(0.0, (1 - tokens) / rate)
        return tokens >= 1

    def wait(self) -> float:
        """Seconds until the next call would be let through."""
        return float(math.ceil(self.seconds))
