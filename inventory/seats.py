"""Which quantities may be taken from a ticket group, and which seats: pure functions on integers.

A *position* is an index into a group's list of seat labels. A *run* is a range of positions whose
seats are next to each other. Source of the rules: CONTRACT "Seats", FIELD section 5.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

# How far apart the numbers of neighbours are.
STRIDES = NEXT_TO_EACH_OTHER, ODD_OR_EVEN = 1, 2
NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL)


class SplitRule(StrEnum):
    """What a broker lets a marketplace take from the tickets that are free."""

    ANY = "any"
    NONE = "none"
    NEVER_LEAVE_ONE = "never_leave_one"
    PAIRS = "pairs"
    CUSTOM = "custom"


def allows(rule: SplitRule, quantity: int, *, free: int, custom: Iterable[int] = ()) -> bool:
    """Whether `rule` lets `quantity` tickets go while `free` are free.

    `custom` is the list of quantities of a custom rule. Never leave one forbids leaving a single
    behind, not selling one; a group of one sells its one.
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
    """What could be taken of these free runs now, from the smallest quantity to the largest.

    A quantity must be allowed by the rule and fit into one run. The quantities are computed one by
    one as they are asked for: 100,000 tickets may have as many.
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
    """How far apart the numbers of neighbours are, as far as a list of seat labels can tell.

    The answer is 2 where all numbers are odd or all are even, as in a row that is seated odd/even,
    and 1 where both kinds are listed. None means that the list has fewer than two numbers and tells
    nothing.
    """
    seats = [seat for label in labels if (seat := NUMBERED.fullmatch(label))]
    if len(seats) <= 1:
        return None
    parities = {int(seat[2]) % 2 for seat in seats}
    return ODD_OR_EVEN if len(parities) == 1 else NEXT_TO_EACH_OTHER


def stride_after(stride: int | None, before: Sequence[str], after: Sequence[str]) -> int | None:
    """The stride of a ticket group whose list of seats becomes `after`.

    `stride` and `before` are what the group had. Its stride stays as it is, so that the seats on
    both sides of one that is taken out never become neighbours. It is decided anew where it was not
    known yet, or where no seat stays, since that is another row. Seats of both parities are
    never seated odd/even.
    """
    told = stride_of(after)
    if stride is None or set(before).isdisjoint(after):
        return told
    return told if told == NEXT_TO_EACH_OTHER else stride


def rows(labels: Sequence[str], *, stride: int | None = None) -> list[range]:
    """The runs of a whole list of seat labels, whatever of it is claimed.

    The numbers of neighbours differ by the `stride` of the group; None means that the list decides
    it, as `stride_of` says. Seats with different letters before their numbers are apart. A label
    that ends in no number is next to its neighbours in the list, because the broker's order is all
    that is known of it.
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
    """What is left of `runs`, which ascend, when the positions in `taken` are gone."""
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
    """The same positions as ascending ranges that neither overlap nor touch."""
    apart: list[range] = []
    for block in sorted(filter(None, blocks), key=lambda block: block.start):
        if apart and block.start <= apart[-1].stop:
            apart[-1] = range(apart[-1].start, max(apart[-1].stop, block.stop))
        else:
            apart.append(block)
    return apart


def find(labels: Sequence[str], wanted: Sequence[str]) -> range | None:
    """The positions of the `wanted` labels, where they stand together and in order in `labels`."""
    if not wanted or wanted[0] not in labels:
        return None
    start = labels.index(wanted[0])
    together = range(start, start + len(wanted))
    return together if list(labels[start : together.stop]) == list(wanted) else None


def overlap(one: range, others: Iterable[range]) -> bool:
    """Whether any of the `others` shares a position with `one`."""
    return any(range(max(one.start, other.start), min(one.stop, other.stop)) for other in others)


class Left(NamedTuple):
    """Free runs, summed up, so that one run can be exchanged for another in no time.

    `runs` is how many there are, `singles` how many of them have one seat, `seats` how many seats
    they have, and `odd` how many of the seats no sales within their own run can take.
    """

    runs: int = 0
    singles: int = 0
    seats: int = 0
    odd: int = 0

    def stranded(self, rule: SplitRule) -> int:
        """How many of the seats no order of allowed sales can ever sell."""
        match rule:
            case SplitRule.ANY:
                return 0
            case SplitRule.NONE:  # all together: impossible once they are apart
                return 0 if self.runs <= 1 else self.seats
            case SplitRule.NEVER_LEAVE_ONE:
                # Singles go one by one while three or more are free, then the longer runs, each
                # whole. With nothing but singles the last two block each other.
                return 2 if self.runs > 1 and self.runs == self.singles else 0
        return self.odd


def choose(
    runs: Sequence[range], quantity: int, *, rule: SplitRule, custom: Iterable[int] = ()
) -> range | None:
    """The positions to take for `quantity` tickets together, or None where no run is long enough.

    The start of a run is taken: its other end leaves as much, and a cut in its middle never leaves
    more to sell. The best run leaves fewest seats that could not be sold under the rule, then
    fewest single seats; among equals it is the lowest. Both are preferences: neither ever makes a
    hold fail. The work grows with the number of runs, and not with its square.
    """
    able = [run for run in runs if len(run) >= quantity]
    if len(able) <= 1:  # general admission is one run
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
    """How many seats, in free runs of these `lengths`, no order of allowed sales can ever sell."""
    alone = _alone(rule, custom, max(lengths, default=0))
    return Left(*map(sum, zip(Left(), *map(alone, lengths), strict=True))).stranded(rule)


def _alone(rule: SplitRule, custom: Iterable[int], longest: int) -> Callable[[int], Left]:
    """A function from the length of a run, which is at most `longest`, to that run summed up."""
    sums = reachable(custom, longest) if rule == SplitRule.CUSTOM else 0

    def alone(length: int) -> Left:
        odd = 0
        if rule == SplitRule.PAIRS:
            odd = length % 2
        elif rule == SplitRule.CUSTOM:  # the highest sum that is no more than the length
            odd = length + 1 - (sums & ((2 << length) - 1)).bit_length()
        return Left(1 if length else 0, 1 if length == 1 else 0, length, odd)

    return alone


def reachable(sizes: Iterable[int], most: int) -> int:
    """The sums up to `most` of any number of each of the `sizes`: bit n is set where n is a sum.

    Each size is added once, twice, four times and so on, which makes any number of times.
    """
    sums = 1
    for size in sizes:
        step = size
        while step <= most:
            sums = (sums | sums << step) & ((2 << most) - 1)
            step *= 2
    return sums
