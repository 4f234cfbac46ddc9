"""Finds the holds that must be freed so that a new hold can succeed: pure functions on integers.

Not every set of holds helps: a split rule can forbid a quantity because too many tickets are free.
Every search here is exact, which means that it finds a set if there is one. The searches are
bounded by the size of a ticket group, which has at most 1,000 numbered seats or 100,000 tickets.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

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
            return _shortest_exactly(sizes, quantity - stock.free)
        case SplitRule.NEVER_LEAVE_ONE:
            return _but_one_more(sizes, quantity - stock.free)
    return _enough(sizes, quantity - stock.free)


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
            return _bits(_whole(stock, runs) if stock.rows else _sums(stock))
        case SplitRule.NEVER_LEAVE_ONE:
            # Every other quantity leaves more than one ticket if all holds are freed.
            return (
                size
                for size in range(1, max(map(len, runs), default=0) + 1)
                if size != available - 1 or to_free(stock, size, conditions) is not None
            )
    return allowed_quantities(runs, rule=conditions.rule, free=available, custom=conditions.custom)


def _enough(sizes: Sequence[int], need: int) -> list[int] | None:
    """Return indexes of sizes whose sum is at least `need`, none of which could be left out."""
    count, total = 0, 0
    while total < need:
        if count == len(sizes):
            return None
        total += sizes[count]
        count += 1
    chosen, spare = [], total - need
    for index in reversed(range(count)):
        if sizes[index] <= spare:
            spare -= sizes[index]
        else:
            chosen.append(index)
    return chosen


def _but_one_more(sizes: Sequence[int], need: int) -> list[int] | None:
    """Return indexes of sizes whose sum is at least `need`, but not `need + 1`.

    A sum of `need + 1` would leave a single ticket.
    """
    total, single, count = 0, False, 0
    while total < need or (total == need + 1 and not single):
        if count == len(sizes):
            return None
        total += sizes[count]
        single = single or sizes[count] == 1
        count += 1
    chosen = _enough(sizes[:count], need) or []
    if sum(sizes[index] for index in chosen) != need + 1:
        return chosen
    # Then the sum must be at least need + 2, or exactly need. The latter frees fewer tickets.
    chosen = _enough(sizes[:count], need + 2) or list(range(count))
    exact = _exactly([sizes[index] for index in chosen], need)
    return chosen if exact is None else [chosen[index] for index in exact]


def _shortest_exactly(sizes: Sequence[int], need: int) -> list[int] | None:
    """Return indexes of sizes whose sum is exactly `need`, from the shortest prefix that has them.

    That prefix is seldom much longer than the shortest one whose sum is large enough. The search
    therefore begins there, and doubles its steps.
    """
    if _exactly(sizes, need) is None:
        return None

    def can(count: int) -> bool:
        return _exactly(sizes[:count], need) is not None

    low = bisect_left(list(accumulate(sizes, initial=0)), need)
    step = 0
    while not can(low + step):
        step = 2 * step + 1
    counts = range(low + step // 2, low + step)
    return _exactly(sizes[: counts.start + bisect_left(counts, 1, key=can)], need)


def _exactly(sizes: Sequence[int], need: int) -> list[int] | None:
    """Return indexes of sizes whose sum is exactly `need`, or None where there are none.

    Of each size, the first ones are taken. This is the subset-sum problem, solved with a bit for
    each possible sum. Equal sizes are bundled to keep the number of steps small: sizes whose sum is
    100,000 have less than 1,000 bundles.
    """
    if need < 0:
        return None
    bundles = list(_bundles(size for size in sizes if size <= need))
    sums = [1]
    for size, times in bundles:
        sums.append((sums[-1] | sums[-1] << size * times) & ((2 << need) - 1))
    if not sums[-1] >> need & 1:
        return None
    used = Counter[int]()
    for (size, times), before in zip(reversed(bundles), reversed(sums[:-1]), strict=True):
        if not before >> need & 1:
            used[size] += times
            need -= size * times
    chosen = []
    for index, size in enumerate(sizes):
        if used[size]:
            used[size] -= 1
            chosen.append(index)
    return chosen


def _bundles(sizes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield each size with the number of its bundles' members: 1, 2, 4 and so on, and the rest."""
    for size, count in Counter(sizes).items():
        times, left = 1, count
        while left:
            taken = min(times, left)
            yield size, taken
            left -= taken
            times *= 2


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


def _sums(stock: Stock) -> int:
    """Return every number of tickets that can become free in general admission, as a bit set."""
    sums = 1 << stock.free
    for size, times in _bundles(held.quantity for held in stock.held):
        sums |= sums << size * times
    return sums


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


def _bits(number: int) -> Iterator[int]:
    """Yield the positive numbers whose bits are set, in ascending order."""
    left = number & ~1
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest
