"""The models of holds, which claim tickets, and of the exceptions that are left to staff.

Other packages import them from here.
"""

from holds.models.holds import LIVE, STAFF_PREFIX, Hold, State
from holds.models.order_exceptions import OrderException, Reason

__all__ = ["LIVE", "STAFF_PREFIX", "Hold", "OrderException", "Reason", "State"]
