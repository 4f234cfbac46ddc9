"""Holds: claims on tickets, and the exceptions that calls on them leave to staff."""

from holds.models.holds import LIVE, STAFF_PREFIX, Hold, State
from holds.models.order_exceptions import OrderException, Reason

__all__ = ["LIVE", "STAFF_PREFIX", "Hold", "OrderException", "Reason", "State"]
