"""Which held tickets a hold would have to take over: pure functions on integers.

Some sets of holds, freed, let a hold of a quantity succeed, and others do not: a split rule that
looks at what is free can forbid a quantity because too much is free. Every search here is exact: it
finds a set if there is one. Its bounds are those of a book: 1,000 numbered seats, 100,000 tickets.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from inventory.seats import SplitRule, allowed_quantities, allows, free_runs

# How many allowed quantities a refusal lists.
MOST_LISTED = 100


class Held(NamedTuple):
    """A hold that has not been invoiced; `positions` are empty where tickets have no numbers."""

    id: int
    quantity: int
    positions: range
    expires_at: datetime


class Stock(NamedTuple):
    """The tickets of a group as a hold finds them.

    `free` is how many tickets nobody has claimed. `held` are the holds that might be freed, those
    first that are to go first. `rows` are the runs of all seats, whatever of them is claimed, and
    `fixed` the claimed positions that stay claimed. Both are empty in general admission.
    """

    free: int
    held: Sequence[Held]
    rows: Sequence[range] = ()
    fixed: Sequence[range] = ()


class Conditions(NamedTuple):
    """Which tickets may go: as the split rule says or, where staff name seats, just `places`."""

    rule: SplitRule
    custom: frozenset[int] = frozenset()
    places: range | None = None


def to_free(stock: Stock, quantity: int, conditions: Conditions) -> list[int] | None:
    """Which holds to free so that `quantity` tickets can go; None where freeing does not help.

    The result is a list of indexes of `stock.held`. Its highest index is as low as can be, so that
    the first of the held ones go first, and no part of the list would do without the rest of it.
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
    """The quantities that could go if any of the held ones were freed, from the smallest on.

    `available` is how many tickets would be free if all of them were. Each quantity is looked for
    when it is asked for. In general admission `stock.held` need not be complete: no more holds of
    a size matter, or of any size unless the rule is all together, than quantities are asked for.
    """
    runs = free_runs(stock.rows, stock.fixed) if stock.rows else [range(available)]
    match conditions.rule:
        case SplitRule.NONE:
            return _bits(_whole(stock, runs) if stock.rows else _sums(stock))
        case SplitRule.NEVER_LEAVE_ONE:
            # All the others leave more than one where everything is freed.
            return (
                size
                for size in range(1, max(map(len, runs), default=0) + 1)
                if size != available - 1 or to_free(stock, size, conditions) is not None
            )
    return allowed_quantities(runs, rule=conditions.rule, free=available, custom=conditions.custom)


def _enough(sizes: Sequence[int], need: int) -> list[int] | None:
    """Indexes of sizes that make `need` or more; none of them could be left out."""
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
    """Indexes of sizes that make `need` or more, but not one more than that: it would be left."""
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
    # Then two more, or just as many: nothing less than the former but the latter would do.
    chosen = _enough(sizes[:count], need + 2) or list(range(count))
    exact = _exactly([sizes[index] for index in chosen], need)
    return chosen if exact is None else [chosen[index] for index in exact]


def _shortest_exactly(sizes: Sequence[int], need: int) -> list[int] | None:
    """Indexes of sizes that make just `need`, from the shortest beginning of them that can.

    That is seldom much longer than the shortest one whose sum is large enough, so the search
    begins there, in steps that double.
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
    """Indexes of sizes that make just `need`, the first of each size; or None.

    A sum of subsets, with a bit for each sum. Equal sizes are bundled, so that there are few steps
    even for very many of them: sizes that make 100,000 together have less than 1,000 bundles.
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
    """Each size with how many of it are taken at once: 1, 2, 4 and so on, and what is left."""
    for size, count in Counter(sizes).items():
        times, left = 1, count
        while left:
            taken = min(times, left)
            yield size, taken
            left -= taken
            times *= 2


def _of_seats(stock: Stock, quantity: int, conditions: Conditions) -> list[int] | None:
    """The same for numbered seats: whoever has one of `quantity` seats together must go.

    Each place where they could be is looked at. Of those whose last hold comes first, the one is
    taken that needs fewest.
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
            going = [*going, other]  # then two or more are left
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
    """The lowest index that is not among those, or `count` where all of them are."""
    gone = set(going)
    return next((index for index in range(count) if index not in gone), count)


def _sums(stock: Stock) -> int:
    """Every number of tickets that can be free, as bits: with no seats, one sum for each subset."""
    sums = 1 << stock.free
    for size, times in _bundles(held.quantity for held in stock.held):
        sums |= sums << size * times
    return sums


def _whole(stock: Stock, runs: Sequence[range]) -> int:
    """Every number of seats that can be all that is free, and together, as bits.

    They are between two edges: of holds, or of what is free already, all of which is in between.
    """
    heads = {row.start for row in stock.rows}
    blocks = [held.positions for held in stock.held]
    torn = [block for block in blocks if not heads.isdisjoint(block[1:])]  # it lies in two rows
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
    """The positive numbers whose bits are set, from the lowest on."""
    left = number & ~1
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest
