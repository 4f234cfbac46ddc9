"""The seat map of a ticket group, as plain data for a template: which seats are free or claimed."""

from typing import NamedTuple

from django.db.models import Q, Sum
from django.db.models.functions import Now

from holds.models import Hold, State
from inventory.models import TicketGroup
from inventory.seats import rows

FREE, HELD, OVERDUE, SOLD = STATUSES = ("free", "held", "overdue", "sold")


class Seat(NamedTuple):
    """One seat: its label, its status (one of STATUSES), a description, and the hold's id."""

    label: str
    status: str
    words: str
    hold_id: int | None


class StatusCount(NamedTuple):
    """How many tickets have a status, and how many tickets are shown before them."""

    status: str
    tickets: int
    start: int


class SeatMap(NamedTuple):
    """The seats of a group in runs of adjacent seats, and its tickets by status.

    There are no `runs` in general admission. `counts` has only the statuses that some tickets have.
    """

    runs: list[list[Seat]]
    counts: list[StatusCount]
    quantity: int


def seat_map(group: TicketGroup) -> SeatMap:
    """Return the seat map of a group as it is now. This takes one query, for its live holds."""
    late = Q(state=State.HELD, expires_at__lte=Now())
    live = Hold.objects.live().filter(group=group).order_by().annotate(late=late)
    if not group.seats:
        counted = live.values_list("state", "late").annotate(Sum("quantity"))
        tickets = dict.fromkeys(STATUSES, 0)
        for state, late, quantity in counted:
            tickets[_status(state, late=late)] += quantity
        tickets[FREE] = group.quantity - sum(tickets.values())
        return SeatMap([], _counts(tickets), group.quantity)
    seats = [Seat(label, FREE, f"Seat {label}: free", None) for label in group.seats]
    for hold in live:
        status = _status(hold.state, late=hold.late)  # type: ignore[attr-defined]
        what = f"{hold}, order {hold.order_id}" if hold.order_id else str(hold)
        for place, label in zip(hold.range, hold.seats, strict=True):
            if place < len(seats):  # otherwise the stock has just changed
                seats[place] = Seat(label, status, f"Seat {label}: {status}, {what}", hold.pk)
    statuses = [seat.status for seat in seats]
    tickets = {status: statuses.count(status) for status in STATUSES}
    runs = [seats[run.start : run.stop] for run in rows(group.seats, stride=group.stride)]
    return SeatMap(runs, _counts(tickets), group.quantity)


def _status(state: str, *, late: bool) -> str:
    if state == State.INVOICED:
        return SOLD
    return OVERDUE if late else HELD


def _counts(tickets: dict[str, int]) -> list[StatusCount]:
    counts, start = [], 0
    for status, count in tickets.items():
        if count > 0:
            counts.append(StatusCount(status, count, start))
            start += count
    return counts
