"""Rate limiting: a token bucket for each API key in each server process."""

import math
import threading
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView


class CallsPerMinute(BaseThrottle):
    """Allows API_CALLS_PER_MINUTE calls for each key, spread evenly over the minute.

    A burst may use up the calls of one second. The buckets are kept in the process, since counting
    in the database would cost a write for each call. The limit protects the service from a client
    that is out of control; it is not meant for accounting.
    """

    buckets: dict[int, tuple[float, float]] = {}
    lock = threading.Lock()

    def __init__(self) -> None:
        self.seconds = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Whether the call's key has a token left; takes that token."""
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
        """Return the number of seconds until the next call is allowed."""
        return float(math.ceil(self.seconds))
