"""Chooses holds by the sum of their sizes, as general admission needs it: pure functions.

A size is the number of tickets of a hold. Every search is exact: it finds sizes if there are any.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate


def enough(sizes: Sequence[int], need: int) -> list[int] | None:
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


def enough_but_not_one_more(sizes: Sequence[int], need: int) -> list[int] | None:
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
    chosen = enough(sizes[:count], need) or []
    if sum(sizes[index] for index in chosen) != need + 1:
        return chosen
    # Then the sum must be at least need + 2, or exactly need. The latter frees fewer tickets.
    chosen = enough(sizes[:count], need + 2) or list(range(count))
    exact = exactly([sizes[index] for index in chosen], need)
    return chosen if exact is None else [chosen[index] for index in exact]


def shortest_exactly(sizes: Sequence[int], need: int) -> list[int] | None:
    """Return indexes of sizes whose sum is exactly `need`, from the shortest prefix that has them.

    That prefix is seldom much longer than the shortest one whose sum is large enough. The search
    therefore begins there, and doubles its steps.
    """
    if exactly(sizes, need) is None:
        return None

    def can(count: int) -> bool:
        return exactly(sizes[:count], need) is not None

    low = bisect_left(list(accumulate(sizes, initial=0)), need)
    step = 0
    while not can(low + step):
        step = 2 * step + 1
    counts = range(low + step // 2, low + step)
    return exactly(sizes[: counts.start + bisect_left(counts, 1, key=can)], need)


def exactly(sizes: Sequence[int], need: int) -> list[int] | None:
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


def possible(sizes: Iterable[int]) -> int:
    """Return every number that is the sum of some of the sizes, as a bit set."""
    sums = 1
    for size, times in _bundles(sizes):
        sums |= sums << size * times
    return sums


def set_bits(number: int) -> Iterator[int]:
    """Yield the positive numbers whose bits are set, in ascending order."""
    left = number & ~1
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest
