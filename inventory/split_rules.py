"""Split rules: which quantities may be sold, and what a sale must not leave behind.

These are pure functions on integers. The contract (/docs/contract/#seats) defines the rules.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple


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


def stranded(lengths: Sequence[int], rule: SplitRule, custom: Iterable[int] = ()) -> int:
    """Return how many seats in free runs of these `lengths` no order of allowed sales can sell."""
    alone = summed_up_alone(rule, custom, max(lengths, default=0))
    return Left(*map(sum, zip(Left(), *map(alone, lengths), strict=True))).stranded(rule)


def summed_up_alone(rule: SplitRule, custom: Iterable[int], longest: int) -> Callable[[int], Left]:
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
