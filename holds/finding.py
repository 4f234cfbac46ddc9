"""Which tickets of a locked group a new hold gets, and which overdue holds make room for it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from holds.claims import View
from holds.models import Hold
from inventory import seats
from inventory.errors import InsufficientTickets, Refusal, SplitNotAllowed
from inventory.models import TicketGroup

# Given the positions that are claimed and how many tickets are free: the positions to hold, or
# None where tickets have no seat numbers. Raises InsufficientTickets or SplitNotAllowed.
Choice = Callable[[Sequence[range], int], range | None]


def with_room(
    group: TicketGroup, seen: View, choose: Choice
) -> tuple[range | None, Sequence[Hold]]:
    """What is chosen to be held, and the overdue holds to expire first.

    The longest overdue first, and none that this hold can do without. The refusal is that of the
    group with all of them expired.
    """

    def chosen(freed: Sequence[Hold]) -> range | None:
        claimed = seats.free_runs(seen.claimed, [hold.range for hold in freed])
        return choose(claimed, group.free + sum(hold.quantity for hold in freed))

    try:
        return chosen(()), ()
    except (InsufficientTickets, SplitNotAllowed) as error:
        refusal: Refusal = error
    overdue = list(Hold.objects.overdue_of([group.id], seen.now))
    for count in range(1, len(overdue) + 1):
        freed = overdue[:count]
        try:
            positions = chosen(freed)
        except (InsufficientTickets, SplitNotAllowed) as error:
            refusal = error
            continue
        for hold in reversed(overdue[: count - 1]):
            without = [other for other in freed if other is not hold]
            with suppress(InsufficientTickets, SplitNotAllowed):
                positions, freed = chosen(without), without
        return positions, freed
    raise refusal


def by_rule(group: TicketGroup, quantity: int) -> Choice:
    """As a marketplace may have them: together, and as the split rule of the group allows."""
    rule, custom = seats.SplitRule(group.split_rule), group.split_quantities

    def choose(claimed: Sequence[range], free: int) -> range | None:
        _require(quantity, free)
        if not seats.allows(rule, quantity, free=free, custom=custom):
            runs = _free_runs(group, claimed, free)
            allowed = seats.allowed_quantities(runs, rule=rule, free=free, custom=custom)
            raise SplitNotAllowed(
                f"The split rule does not let {quantity} of {free} free tickets go.",
                allowed_quantities=allowed,
            )
        return _together(group, quantity, claimed, free)

    return choose


def by_staff(group: TicketGroup, quantity: int, labels: Sequence[str] = ()) -> Choice:
    """As staff may have them: the seats that they name, or any together; no split rule binds them.

    Raises InsufficientTickets at once where the group cannot have such seats together.
    """
    if not labels:

        def any_together(claimed: Sequence[range], free: int) -> range | None:
            _require(quantity, free)
            return _together(group, quantity, claimed, free)

        return any_together

    missing = [label for label in labels if label not in group.seats]
    if missing:
        raise InsufficientTickets(f"The group has no seat {missing[0]} any more.")
    wanted = sorted(labels, key=group.seats.index)
    positions = seats.find(group.seats, wanted)
    if positions is None:
        raise InsufficientTickets(
            f"Seats {', '.join(wanted)} do not stand together: take each part by itself."
        )

    def these(claimed: Sequence[range], free: int) -> range | None:
        taken = [
            group.seats[position]
            for position in positions
            if any(position in block for block in claimed)
        ]
        if taken:
            raise InsufficientTickets(
                f"Not free any more: {', '.join(taken)}. Look again, and choose others.",
                available=free,
            )
        return positions

    return these


def _require(quantity: int, free: int) -> None:
    if quantity > free:
        raise InsufficientTickets(
            f"{quantity} tickets were asked for, {free} are free.", available=free
        )


def _together(
    group: TicketGroup, quantity: int, claimed: Sequence[range], free: int
) -> range | None:
    runs = _free_runs(group, claimed, free)
    rule = seats.SplitRule(group.split_rule)
    positions = seats.choose(runs, quantity, rule=rule, custom=group.split_quantities)
    if positions is None:
        raise InsufficientTickets(
            f"{free} tickets are free, but not {quantity} next to each other.", available=free
        )
    return positions if group.seats else None


def _free_runs(group: TicketGroup, claimed: Sequence[range], free: int) -> list[range]:
    return seats.free_runs(seats.rows(group.seats), claimed) if group.seats else [range(free)]
