"""Pure functions that decide which seats of a ticket group are taken.

A *position* is an index into a group's list of seat labels. A *run* is a range of positions whose
seats are next to each other. The contract (/docs/contract/#seats) promises how seats are chosen.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from inventory.split_rules import Left, SplitRule, summed_up_alone

# By how much the numbers of neighbouring seats may differ.
STRIDES = NEXT_TO_EACH_OTHER, ODD_OR_EVEN = 1, 2
NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL)


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
    alone = summed_up_alone(rule, custom, max(map(len, runs)))
    each = [alone(len(run)) for run in runs]
    together = Left(*map(sum, zip(*each, strict=True)))

    def cost(run: range) -> tuple[int, int, int]:
        swapped = zip(together, alone(len(run)), alone(len(run) - quantity), strict=True)
        left = Left(*(all_runs - gone + rest for all_runs, gone, rest in swapped))
        return left.stranded(rule), left.singles, run.start

    return min(able, key=cost)[:quantity]
