"""Pure functions that decide which quantities and which seats may be taken from a ticket group.

A *position* is an index into a group's list of seat labels. A *run* is a range of positions whose
seats are next to each other. The contract (/docs/contract/) promises how seats are chosen; the
split rules are those that the field's point-of-sale systems have.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

# By how much the numbers of neighbouring seats may differ.
STRIDES = NEXT_TO_EACH_OTHER, ODD_OR_EVEN = 1, 2
NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL)


class SplitRule(StrEnum):
    """Which quantities a broker lets a marketplace take from the free tickets."""

    ANY = "any"
    NONE = "none"
    NEVER_LEAVE_ONE = "never_leave_one"
    PAIRS = "pairs"
    CUSTOM = "custom"


def allows(rule: SplitRule, quantity: int, *, free: int, custom: Iterable[int] = ()) -> bool:
    """Return whether `rule` allows taking `quantity` tickets while `free` tickets are free.

    `custom` are the quantities of a custom rule. "Never leave one" forbids leaving a single ticket
    behind, but not selling a single ticket: the last one may be sold.
    """
    if not 1 <= quantity <= free:
        return False
    match rule:
        case SplitRule.ANY:
            return True
        case SplitRule.NONE:
            return quantity == free
        case SplitRule.NEVER_LEAVE_ONE:
            return quantity != free - 1
        case SplitRule.PAIRS:
            return quantity % 2 == 0
        case SplitRule.CUSTOM:
            return quantity in custom


def allowed_quantities(
    runs: Sequence[range], *, rule: SplitRule, free: int, custom: Iterable[int] = ()
) -> Iterator[int]:
    """Return the quantities that can be taken from these free runs now, in ascending order.

    A quantity must be allowed by the rule and fit into one run. The quantities are computed one by
    one as they are iterated, since a large group has as many of them as tickets.
    """
    longest = max(map(len, runs), default=0)
    sizes = frozenset(custom)
    match rule:
        case SplitRule.NONE:
            candidates: Iterable[int] = (free,)
        case SplitRule.CUSTOM:
            candidates = sorted(sizes)
        case _:
            candidates = range(1, longest + 1)
    return (
        size
        for size in candidates
        if size <= longest and allows(rule, size, free=free, custom=sizes)
    )


def stride_of(labels: Sequence[str]) -> int | None:
    """Return by how much the numbers of neighbours differ, as far as a list of labels shows it.

    The result is 2 if all numbers are odd or all are even, as in a row that is seated odd/even, and
    1 if there are both. It is None if fewer than two labels have numbers, which shows nothing.
    """
    seats = [seat for label in labels if (seat := NUMBERED.fullmatch(label))]
    if len(seats) <= 1:
        return None
    parities = {int(seat[2]) % 2 for seat in seats}
    return ODD_OR_EVEN if len(parities) == 1 else NEXT_TO_EACH_OTHER


def stride_after(stride: int | None, before: Sequence[str], after: Sequence[str]) -> int | None:
    """Return the stride of a ticket group whose list of seats becomes `after`.

    `stride` and `before` are the group's former stride and seats. The stride is kept, so that the
    seats on both sides of one that is taken out never become neighbours. It is decided anew if it
    was unknown, or if no seat is kept, since that is another row. If there are both odd and even
    numbers, the stride is 1.
    """
    told = stride_of(after)
    if stride is None or set(before).isdisjoint(after):
        return told
    return told if told == NEXT_TO_EACH_OTHER else stride


def rows(labels: Sequence[str], *, stride: int | None = None) -> list[range]:
    """Return the runs of a whole list of seat labels, whether the seats are claimed or not.

    The numbers of neighbours differ by `stride`, the stride of the group. If it is None, the list
    decides it, as in `stride_of`. Seats with different letters before their numbers are not
    neighbours. A label that does not end in a number is next to its neighbours in the list, because
    nothing but the broker's order is known of it.
    """
    if not labels:
        return []
    seats = [NUMBERED.fullmatch(label) for label in labels]
    numbers = [(seat[1], int(seat[2])) if seat else None for seat in seats]
    apart = stride or stride_of(labels)
    starts = [0]
    for position, (left, right) in enumerate(itertools.pairwise(numbers), start=1):
        if left and right and (left[0] != right[0] or abs(right[1] - left[1]) != apart):
            starts.append(position)
    return [
        range(start, stop) for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True)
    ]


def free_runs(runs: Iterable[range], taken: Iterable[range]) -> list[range]:
    """Return what is left of `runs`, in ascending order, without the positions in `taken`."""
    blocks = merged(taken)
    stops = [block.stop for block in blocks]
    free: list[range] = []
    for run in runs:
        start, index = run.start, bisect_right(stops, run.start)
        while index < len(blocks) and blocks[index].start < run.stop:
            if start < blocks[index].start:
                free.append(range(start, blocks[index].start))
            start = blocks[index].stop
            index += 1
        if start < run.stop:
            free.append(range(start, run.stop))
    return free


def merged(blocks: Iterable[range]) -> list[range]:
    """Return the same positions as ranges in ascending order that neither overlap nor touch."""
    apart: list[range] = []
    for block in sorted(filter(None, blocks), key=lambda block: block.start):
        if apart and block.start <= apart[-1].stop:
            apart[-1] = range(apart[-1].start, max(apart[-1].stop, block.stop))
        else:
            apart.append(block)
    return apart


def find(labels: Sequence[str], wanted: Sequence[str]) -> range | None:
    """Return the positions of the `wanted` labels, or None unless they are together in order."""
    if not wanted or wanted[0] not in labels:
        return None
    start = labels.index(wanted[0])
    together = range(start, start + len(wanted))
    return together if list(labels[start : together.stop]) == list(wanted) else None


def overlap(one: range, others: Iterable[range]) -> bool:
    """Return whether any of the `others` shares a position with `one`."""
    return any(range(max(one.start, other.start), min(one.stop, other.stop)) for other in others)


class Left(NamedTuple):
    """Totals over free runs, from which the totals with one run exchanged are quickly computed.

    `runs` is how many runs there are, `singles` how many of them have one seat, and `seats` how
    many seats they have together. `odd` is how many of these seats cannot be sold by allowed sales
    within their own run.
    """

    runs: int = 0
    singles: int = 0
    seats: int = 0
    odd: int = 0

    def stranded(self, rule: SplitRule) -> int:
        """Return how many of the seats cannot be sold by any order of sales that `rule` allows."""
        match rule:
            case SplitRule.ANY:
                return 0
            case SplitRule.NONE:  # not all together in one run
                return 0 if self.runs <= 1 else self.seats
            case SplitRule.NEVER_LEAVE_ONE:
                # Singles can be sold one by one while three or more seats are free, and then each
                # longer run as a whole. If there are only singles, the last two cannot be sold.
                return 2 if self.runs > 1 and self.runs == self.singles else 0
        return self.odd


def choose(
    runs: Sequence[range], quantity: int, *, rule: SplitRule, custom: Iterable[int] = ()
) -> range | None:
    """Return the positions to take for `quantity` tickets, or None if no run is long enough.

    Seats are taken from the start of a run. Taking them from its other end would leave as many to
    sell, and from its middle never more. Of the runs that are long enough, the one is taken that
    leaves the fewest seats that cannot be sold under the rule, then the fewest single seats, and
    then the one that comes first. These are only preferences and never make a hold fail. The time
    needed is linear in the number of runs.
    """
    able = [run for run in runs if len(run) >= quantity]
    if len(able) <= 1:  # as in general admission, which is one run
        return able[0][:quantity] if able else None
    alone = _alone(rule, custom, max(map(len, runs)))
    each = [alone(len(run)) for run in runs]
    together = Left(*map(sum, zip(*each, strict=True)))

    def cost(run: range) -> tuple[int, int, int]:
        swapped = zip(together, alone(len(run)), alone(len(run) - quantity), strict=True)
        left = Left(*(all_runs - gone + rest for all_runs, gone, rest in swapped))
        return left.stranded(rule), left.singles, run.start

    return min(able, key=cost)[:quantity]


def stranded(lengths: Sequence[int], rule: SplitRule, custom: Iterable[int] = ()) -> int:
    """Return how many seats in free runs of these `lengths` no order of allowed sales can sell."""
    alone = _alone(rule, custom, max(lengths, default=0))
    return Left(*map(sum, zip(Left(), *map(alone, lengths), strict=True))).stranded(rule)


def _alone(rule: SplitRule, custom: Iterable[int], longest: int) -> Callable[[int], Left]:
    """Return a function from the length of a run, at most `longest`, to the totals of that run."""
    sums = reachable(custom, longest) if rule == SplitRule.CUSTOM else 0

    def alone(length: int) -> Left:
        odd = 0
        if rule == SplitRule.PAIRS:
            odd = length % 2
        elif rule == SplitRule.CUSTOM:  # the highest sum up to the length
            odd = length + 1 - (sums & ((2 << length) - 1)).bit_length()
        return Left(1 if length else 0, 1 if length == 1 else 0, length, odd)

    return alone


def reachable(sizes: Iterable[int], most: int) -> int:
    """Return the sums up to `most` of any number of each of the `sizes`, as bits.

    Bit n of the result is set if n is such a sum. Each size is added once, twice, four times and so
    on, which together make any number of times.
    """
    sums = 1
    for size in sizes:
        step = size
        while step <= most:
            sums = (sums | sums << step) & ((2 << most) - 1)
            step *= 2
    return sums
