"""Finds the holds that must be freed so that a new hold can succeed: pure functions on integers.

Not every set of holds helps: a split rule can forbid a quantity because too many tickets are free.
Every search here is exact, which means that it finds a set if there is one. The searches are
bounded by the size of a ticket group, which has at most 1,000 numbered seats or 100,000 tickets.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from holds import subset_sums
from inventory.seats import free_runs
from inventory.split_rules import SplitRule, allowed_quantities, allows

# How many allowed quantities a refusal lists.
MOST_LISTED = 100


class Held(NamedTuple):
    """A hold that has not been invoiced. Its `positions` are empty in general admission."""

    id: int
    quantity: int
    positions: range
    expires_at: datetime


class Stock(NamedTuple):
    """The tickets of a group when a new hold is asked for.

    `free` is the number of tickets that nobody has claimed. `held` are the holds that might be
    freed, in the order in which they are to be freed. `rows` are the runs of all seats, claimed or
    not, and `fixed` are the positions that stay claimed. Both are empty in general admission.
    """

    free: int
    held: Sequence[Held]
    rows: Sequence[range] = ()
    fixed: Sequence[range] = ()


class Conditions(NamedTuple):
    """Which tickets may be taken: those that the split rule allows, or the `places` staff chose.

    `custom` are the quantities that a custom split rule allows.
    """

    rule: SplitRule
    custom: frozenset[int] = frozenset()
    places: range | None = None


def to_free(stock: Stock, quantity: int, conditions: Conditions) -> list[int] | None:
    """Return which holds to free so that `quantity` tickets can be taken.

    The result is a list of indexes of `stock.held`, or None where freeing holds does not help. The
    highest index is as low as possible, so that holds are freed in their order. No hold of the list
    could be left out.
    """
    if conditions.rule == SplitRule.PAIRS and quantity % 2:
        return None
    if conditions.rule == SplitRule.CUSTOM and quantity not in conditions.custom:
        return None
    if stock.rows:
        return _of_seats(stock, quantity, conditions)
    sizes = [held.quantity for held in stock.held]
    match conditions.rule:
        case SplitRule.NONE:
            return subset_sums.shortest_exactly(sizes, quantity - stock.free)
        case SplitRule.NEVER_LEAVE_ONE:
            return subset_sums.enough_but_not_one_more(sizes, quantity - stock.free)
    return subset_sums.enough(sizes, quantity - stock.free)


def allowed(stock: Stock, available: int, conditions: Conditions) -> Iterator[int]:
    """Yield the quantities that could be taken if any of the holds were freed, in ascending order.

    `available` is the number of tickets that would be free if all holds were freed. Quantities are
    computed lazily. In general admission `stock.held` need not be complete: to find n quantities,
    the first n holds of each size are enough if the split rule is "none", and the first n holds of
    any size otherwise.
    """
    runs = free_runs(stock.rows, stock.fixed) if stock.rows else [range(available)]
    match conditions.rule:
        case SplitRule.NONE:
            sums = (
                _whole(stock, runs)
                if stock.rows
                else subset_sums.possible(held.quantity for held in stock.held) << stock.free
            )
            return subset_sums.set_bits(sums)
        case SplitRule.NEVER_LEAVE_ONE:
            # Every other quantity leaves more than one ticket if all holds are freed.
            return (
                size
                for size in range(1, max(map(len, runs), default=0) + 1)
                if size != available - 1 or to_free(stock, size, conditions) is not None
            )
    return allowed_quantities(runs, rule=conditions.rule, free=available, custom=conditions.custom)


def _of_seats(stock: Stock, quantity: int, conditions: Conditions) -> list[int] | None:
    """Return which holds to free so that `quantity` seats next to each other can be taken.

    Every hold that has one of these seats must be freed. Of all places where the seats could be,
    the one is chosen whose last hold comes first in `stock.held`. Where several places are equal in
    this, the one that frees the fewest holds is chosen.
    """
    never = len(stock.held)  # the index of a claim that stays
    claims = [(held.positions, index) for index, held in enumerate(stock.held)]
    claims += [(block, never) for block in stock.fixed]
    claims.sort(key=lambda claim: claim[0].start)
    starts, stops = [c.start for c, _ in claims], [c.stop for c, _ in claims]
    order = [index for _, index in claims]
    tickets = list(accumulate((len(block) for block, _ in claims), initial=0))
    best: tuple[int, int, int] | None = None
    chosen: list[int] | None = None
    for start in _starts(stock.rows, quantity, conditions.places):
        low, high = bisect_right(stops, start), bisect_left(starts, start + quantity)
        going = order[low:high]
        last = max(going, default=-1)
        if last == never or (best and last > best[0]):
            continue
        free = stock.free + tickets[high] - tickets[low]
        if not allows(conditions.rule, quantity, free=free, custom=conditions.custom):
            other = (
                _first_other(going, never)
                if conditions.rule == SplitRule.NEVER_LEAVE_ONE
                else never
            )
            if other == never:
                continue
            going = [*going, other]  # so that two or more tickets are left
            last = max(last, other)
        cost = last, len(going), start
        if best is None or cost < best:
            best, chosen = cost, going
    return chosen


def _starts(rows: Sequence[range], quantity: int, places: range | None) -> Iterator[int]:
    if places:
        yield places.start
        return
    for row in rows:
        yield from range(row.start, row.stop - quantity + 1)


def _first_other(going: Sequence[int], count: int) -> int:
    """Return the lowest index below `count` that is not in `going`, or `count` if there is none."""
    gone = set(going)
    return next((index for index in range(count) if index not in gone), count)


def _whole(stock: Stock, runs: Sequence[range]) -> int:
    """Return every number of adjacent seats that can be all the free seats there are, as a bit set.

    Such seats lie between two edges of holds or of free runs. All seats that are free already must
    lie between these edges as well.
    """
    heads = {row.start for row in stock.rows}
    blocks = [held.positions for held in stock.held]
    torn = [block for block in blocks if not heads.isdisjoint(block[1:])]  # holds across two rows
    edges = sorted({edge for block in blocks for edge in (block.start, block.stop)})
    free = free_runs(runs, blocks)
    sizes = 0
    for run in free_runs(runs, torn):
        lefts = rights = edges[bisect_left(edges, run.start) : bisect_right(edges, run.stop)]
        if free:
            first, last = free[0].start, free[-1].stop
            if first < run.start or run.stop < last:
                continue
            lefts = [first, *(edge for edge in lefts if edge < first)]
            rights = [last, *(edge for edge in rights if edge > last)]
        ends = sum(1 << right - run.start for right in rights)
        for left in lefts:
            sizes |= ends >> left - run.start
    return sizes
