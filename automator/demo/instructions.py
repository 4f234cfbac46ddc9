"""What the demo prints: what to open, how to log in, and calls to paste into a terminal."""

import json
import secrets
from collections.abc import Iterator

from django.db.models import Prefetch

from automator.demo.credentials import ADMIN, STAFF
from automator.demo.holds_and_sales import PAIR
from holds.models import Hold
from inventory import seats, split_rules
from inventory.models import Broker, TicketGroup


def instructions(broker: Broker, address: str, secret: dict[str, str]) -> Iterator[str]:
    """Yield the lines that say what to open, how to log in and which calls to paste."""
    yield ""
    yield f"  Admin        {address}/admin/"
    yield f"               {ADMIN:<12} {secret[ADMIN]}   sees everything"
    yield f"               {STAFF:<12} {secret[STAFF]}   sees the tickets of {broker}"
    yield f"  Docs         {address}/docs/"
    yield f"  API key      {secret['key']}"
    yield ""
    group = group_with_a_free_pair(broker)
    if group is None:
        yield "No ticket group has two free tickets together. Release or add some in the admin."
        return
    call = Call(address, secret["key"])
    first, second = (f"try-{secrets.token_hex(4)}" for _ in range(2))
    order_id = f"{4_700_000 + secrets.randbelow(100_000)}-{secrets.randbelow(10**8):08}"
    hold = {"remote_id": group.remote_id, "quantity": PAIR}
    yield f"Hold two tickets of {group}, {group.event}:"
    yield call.post("/api/v1/holds", {**hold, "global_id": first})
    yield "Look at the hold:"
    yield call.get(f"/api/v1/holds/{first}")
    yield "Release the hold:"
    yield call.post(f"/api/v1/holds/{first}/release")
    yield "Hold again, with a new id, since each id is used once:"
    yield call.post("/api/v1/holds", {**hold, "global_id": second})
    yield "Sell the tickets of that hold:"
    yield call.post("/api/v1/invoices", {"order_id": order_id, "global_id": second})


class Call:
    """Formats calls as curl commands of one line, ready to paste."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key

    def get(self, path: str) -> str:
        """Return the command for a GET request."""
        return f"  curl -iw '\\n' {self.address}{path} -H 'X-API-Key: {self.key}'"

    def post(self, path: str, body: dict[str, object] | None = None) -> str:
        """Return the command for a POST request.

        The ids in `path` and `body` are the demo's own and contain no quotes.
        """
        if body is None:
            return f"{self.get(path)} -X POST"
        return f"{self.get(path)} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"


def group_with_a_free_pair(broker: Broker) -> TicketGroup | None:
    """Return a ticket group of which two adjacent tickets can be held now, or None.

    Groups with numbered seats are preferred, then those with the most free tickets.
    """
    groups = TicketGroup.objects.for_sale().filter(broker=broker).select_related("event")
    live = Prefetch("holds", Hold.objects.live(), to_attr="live_holds")
    able = [g for g in groups.prefetch_related(live) if PAIR in quantities_for_sale(g)]
    return max(able, key=lambda group: (bool(group.seats), group.free), default=None)


def quantities_for_sale(group: TicketGroup) -> Iterator[int]:
    """Yield the quantities that a hold call could take from a ticket group now.

    The rules are those that the call itself applies.
    """
    taken = [hold.range for hold in group.live_holds]  # type: ignore[attr-defined]
    rows = seats.rows(group.seats, stride=group.stride)
    runs = seats.free_runs(rows, taken) if group.seats else [range(group.free)]
    return split_rules.allowed_quantities(
        runs,
        rule=split_rules.SplitRule(group.split_rule),
        free=group.free,
        custom=group.split_quantities,
    )
