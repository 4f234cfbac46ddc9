"""Chooses the tickets of a locked group for a new hold, and the overdue holds to expire for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from holds import locked_reads, make_room
from inventory import seats, split_rules
from inventory.errors import InsufficientTickets, Refusal, SplitNotAllowed
from inventory.models import TicketGroup


class Request(NamedTuple):
    """How many tickets are wanted, and the conditions on which they may be taken."""

    quantity: int
    conditions: make_room.Conditions


def by_rule(group: TicketGroup, quantity: int) -> Request:
    """Return the request of a marketplace, which the split rule of the group binds."""
    rule = split_rules.SplitRule(group.split_rule)
    return Request(quantity, make_room.Conditions(rule, frozenset(group.split_quantities)))


def by_staff(group: TicketGroup, quantity: int, labels: Sequence[str] = ()) -> Request:
    """Return the request of staff, whom no split rule binds.

    `labels` are the seats that staff chose. Without them, any `quantity` seats next to each other
    will do.

    Raises:
        InsufficientTickets: the group has no such seat, or the seats are not next to each other.
    """
    if not labels:
        return Request(quantity, make_room.Conditions(split_rules.SplitRule.ANY))
    place = {label: position for position, label in enumerate(group.seats)}
    missing = [label for label in labels if label not in place]
    if missing:
        raise InsufficientTickets(f"The group has no seat {missing[0]} any more.")
    wanted = sorted(labels, key=place.__getitem__)
    positions = seats.find(group.seats, wanted)
    if positions is None:
        raise InsufficientTickets(
            f"Seats {', '.join(wanted)} do not stand together: ask for each part separately."
        )
    return Request(len(wanted), make_room.Conditions(split_rules.SplitRule.ANY, places=positions))


def with_room(
    group: TicketGroup, situation: locked_reads.Situation, request: Request
) -> tuple[range | None, list[int]]:
    """Choose the tickets for a new hold, and the overdue holds that must be expired first.

    `situation` is what the call has read of the locked group. Returns the positions to hold, or
    None where tickets have no seat numbers, and the ids of the holds to expire. The call succeeds
    if there is any set of overdue holds whose expiry lets it succeed. The holds that are overdue
    for longest are expired first, and only those that the call needs.

    Both refusals describe the group as if all its overdue holds were expired.

    Raises:
        InsufficientTickets: too few tickets are free, or too few next to each other. Its member
            `may_free_at` is the time from which the same call could succeed because other holds
            have run out, or None if there is no such time.
        SplitNotAllowed: the split rule forbids the quantity. Its member `allowed_quantities` has
            the 100 smallest quantities that would succeed now, if need be with overdue holds
            expired.
    """
    rows = seats.rows(group.seats, stride=group.stride)
    positions = _choice(group, request, rows, situation.claimed, group.free)
    overdue: list[int] = []
    if positions is None:
        exact = request.conditions.rule == split_rules.SplitRule.NONE
        waiting = locked_reads.waiting(
            group, quantity=request.quantity, exact=exact, now=situation.now
        )
        fixed = seats.free_runs(situation.claimed, [held.positions for held in waiting.held])
        stock = make_room.Stock(group.free, waiting.held, rows, fixed)
        going = make_room.to_free(stock, request.quantity, request.conditions)
        last = max((waiting.held[index].expires_at for index in going or ()), default=None)
        if going is None or last is None or last > situation.now:
            raise _refusal(
                group, request, stock, waiting=waiting, may_free_at=last, now=situation.now
            )
        freed = [waiting.held[index] for index in going]
        overdue = [held.id for held in freed]
        positions = _choice(
            group,
            request,
            rows,
            seats.free_runs(situation.claimed, [held.positions for held in freed]),
            group.free + sum(held.quantity for held in freed),
        )
        if positions is None:
            raise ValueError(f"No room for {request} in ticket group {group.id}")
    return positions if group.seats else None, overdue


def _choice(
    group: TicketGroup,
    request: Request,
    rows: Sequence[range],
    claimed: Sequence[range],
    free: int,
) -> range | None:
    """Return the positions for a request, or None where the request must be refused.

    `claimed` are the positions that are taken, and `free` is the number of free tickets.
    """
    quantity, (rule, custom, places) = request
    if not split_rules.allows(rule, quantity, free=free, custom=custom):
        return None
    if places:
        return None if seats.overlap(places, claimed) else places
    runs = seats.free_runs(rows, claimed) if group.seats else [range(free)]
    neat = split_rules.SplitRule(group.split_rule)  # a preference where the rule does not bind
    return seats.choose(runs, quantity, rule=neat, custom=group.split_quantities)


def _refusal(
    group: TicketGroup,
    request: Request,
    stock: make_room.Stock,
    *,
    waiting: locked_reads.Waiting,
    may_free_at: datetime | None,
    now: datetime,
) -> Refusal:
    """Return the refusal of a request, as if all overdue holds were expired."""
    quantity, (rule, custom, places) = request
    overdue = [held for held in waiting.held if held.expires_at <= now]
    later = [held.positions for held in waiting.held if held.expires_at > now]
    stock = make_room.Stock(stock.free, overdue, stock.rows, seats.merged([*stock.fixed, *later]))
    available = group.free + waiting.overdue
    if places:
        taken = [
            group.seats[position]
            for block in stock.fixed
            for position in range(max(block.start, places.start), min(block.stop, places.stop))
        ]
        text = f"Not free any more: {', '.join(taken)}. Look again, and choose others."
    elif quantity > available:
        text = f"{quantity} tickets were asked for, {available} are free."
    elif not split_rules.allows(rule, quantity, free=available, custom=custom):
        allowed = make_room.allowed(stock, available, request.conditions)
        listed = list(islice(allowed, make_room.MOST_LISTED + 1))
        cut = {"allowed_quantities_cut": True} if len(listed) > make_room.MOST_LISTED else {}
        return SplitNotAllowed(
            f"The split rule does not allow {quantity} of {available} free tickets to be taken.",
            allowed_quantities=listed[: make_room.MOST_LISTED],
            **cut,
        )
    else:
        text = f"{available} tickets are free, but not {quantity} next to each other."
    return InsufficientTickets(
        text, available=available, may_free_at=_while_for_sale(may_free_at, waiting.past_at)
    )


def _while_for_sale(time: datetime | None, past_at: datetime | None) -> datetime | None:
    """Round a time up to a whole second. Returns None where the event is past by then."""
    if time is None:
        return None
    whole = time.replace(microsecond=0)
    if whole < time:
        whole += timedelta(seconds=1)
    return None if past_at and past_at <= whole else whole
