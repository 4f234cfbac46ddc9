"""The seat map of a ticket group, as plain data for a template: which seats are free or claimed."""

from typing import NamedTuple

from django.db.models import Q, Sum
from django.db.models.functions import Now

from holds.models import Hold, State
from inventory.models import TicketGroup
from inventory.seats import rows

FREE, HELD, OVERDUE, SOLD = STANDINGS = ("free", "held", "overdue", "sold")


class Seat(NamedTuple):
    """One seat: its label, its standing (one of STANDINGS), a description, and the hold's id."""

    label: str
    standing: str
    words: str
    hold_id: int | None


class Part(NamedTuple):
    """The tickets with one standing: their number, and the number of tickets shown before them."""

    standing: str
    tickets: int
    start: int


class SeatMap(NamedTuple):
    """The seats of a group in runs of adjacent seats, and its tickets by standing.

    There are no `runs` in general admission. `parts` has only the standings that some tickets have.
    """

    runs: list[list[Seat]]
    parts: list[Part]
    quantity: int


def seat_map(group: TicketGroup) -> SeatMap:
    """Return the seat map of a group as it is now. This takes one query, for its live holds."""
    late = Q(state=State.HELD, expires_at__lte=Now())
    live = Hold.objects.live().filter(group=group).order_by().annotate(late=late)
    if not group.seats:
        counted = live.values_list("state", "late").annotate(Sum("quantity"))
        tickets = dict.fromkeys(STANDINGS, 0)
        for state, late, quantity in counted:
            tickets[_standing(state, late=late)] += quantity
        tickets[FREE] = group.quantity - sum(tickets.values())
        return SeatMap([], _parts(tickets), group.quantity)
    seats = [Seat(label, FREE, f"Seat {label}: free", None) for label in group.seats]
    for hold in live:
        standing = _standing(hold.state, late=hold.late)  # type: ignore[attr-defined]
        what = f"{hold}, order {hold.order_id}" if hold.order_id else str(hold)
        for place, label in zip(hold.range, hold.seats, strict=True):
            if place < len(seats):  # otherwise the stock has just changed
                seats[place] = Seat(label, standing, f"Seat {label}: {standing}, {what}", hold.pk)
    standings = [seat.standing for seat in seats]
    tickets = {standing: standings.count(standing) for standing in STANDINGS}
    runs = [seats[run.start : run.stop] for run in rows(group.seats, stride=group.stride)]
    return SeatMap(runs, _parts(tickets), group.quantity)


def _standing(state: str, *, late: bool) -> str:
    if state == State.INVOICED:
        return SOLD
    return OVERDUE if late else HELD


def _parts(tickets: dict[str, int]) -> list[Part]:
    parts, start = [], 0
    for standing, count in tickets.items():
        if count > 0:
            parts.append(Part(standing, count, start))
            start += count
    return parts
