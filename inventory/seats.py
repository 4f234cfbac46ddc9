"""Which quantities may be taken from a ticket group, and which seats: pure functions on integers.

A *position* is an index into a group's list of seat labels. A *run* is a range of positions whose
seats are next to each other. Source of the rules: CONTRACT "Seats", FIELD section 5.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache

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
) -> list[int]:
    """What could be taken now: allowed by the rule, and fitting into one of the free runs."""
    longest = max(map(len, runs), default=0)
    sizes = frozenset(custom)
    return [size for size in range(1, longest + 1) if allows(rule, size, free=free, custom=sizes)]


def rows(labels: Sequence[str]) -> list[range]:
    """The runs of a whole list of seat labels, whatever of it is claimed.

    Numbers next to each other differ by one, or by two where all of them are odd or all even:
    such a row is seated odd/even. Different letters before the numbers are apart. A label that
    ends in no number is next to its neighbours in the list: the broker's order is all we know.
    """
    if not labels:
        return []
    seats = [NUMBERED.fullmatch(label) for label in labels]
    numbers = [(seat[1], int(seat[2])) if seat else None for seat in seats]
    parities = {number[1] % 2 for number in numbers if number}
    stride = 2 if len(parities) == 1 else 1
    starts = [0]
    for position, (left, right) in enumerate(itertools.pairwise(numbers), start=1):
        if left and right and (left[0] != right[0] or abs(right[1] - left[1]) != stride):
            starts.append(position)
    return [
        range(start, stop) for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True)
    ]


def free_runs(runs: Iterable[range], taken: Iterable[range]) -> list[range]:
    """What is left of `runs` when the positions in `taken` are gone, lowest first."""
    blocks = sorted(filter(None, taken), key=lambda block: block.start)
    free: list[range] = []
    for run in runs:
        start = run.start
        for block in blocks:
            if start < block.stop and block.start < run.stop:
                if start < block.start:
                    free.append(range(start, block.start))
                start = block.stop
        if start < run.stop:
            free.append(range(start, run.stop))
    return free


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


def choose(
    runs: Sequence[range], quantity: int, *, rule: SplitRule, custom: Iterable[int] = ()
) -> range | None:
    """The positions to take for `quantity` tickets together, or None where no run is long enough.

    The start of a run is taken: its other end leaves as much, and a cut in its middle never leaves
    more to sell. The best run leaves fewest seats that could not be sold under the rule, then
    fewest single seats; among equals it is the lowest. Both are preferences: neither ever makes a
    hold fail.
    """
    sizes = frozenset(custom)

    def cost(run: range) -> tuple[int, int, int]:
        left = [len(other) for other in runs if other != run]
        if len(run) > quantity:
            left.append(len(run) - quantity)
        return stranded(left, rule, sizes), left.count(1), run.start

    best = min((run for run in runs if len(run) >= quantity), key=cost, default=None)
    return best[:quantity] if best else None


def stranded(lengths: Sequence[int], rule: SplitRule, custom: frozenset[int]) -> int:
    """How many seats, in free runs of these `lengths`, no order of allowed sales can ever sell."""
    match rule:
        case SplitRule.ANY:
            return 0
        case SplitRule.NONE:  # all together: impossible once they are apart
            return 0 if len(lengths) <= 1 else sum(lengths)
        case SplitRule.NEVER_LEAVE_ONE:
            # Singles go one by one while three or more are free, then the longer runs, each whole.
            # With nothing but singles the last two block each other.
            return 2 if len(lengths) > 1 and max(lengths) == 1 else 0
        case SplitRule.PAIRS:
            return sum(length % 2 for length in lengths)
        case SplitRule.CUSTOM:
            return sum(length - most_sold(length, custom) for length in lengths)


@lru_cache(maxsize=4096)
def most_sold(length: int, sizes: frozenset[int]) -> int:
    """The most seats of a run of `length` that sales of these `sizes` can take together."""
    reachable = 1  # bit n is set when n seats can be sold in full sales
    for size in sizes:
        if size <= length:
            for _ in range(length // size):
                reachable |= reachable << size
    return (reachable & ((1 << (length + 1)) - 1)).bit_length() - 1
