"""The choice of seats that the contestants with an ORM share: the first gap that is wide enough."""

from collections.abc import Iterable


def first_fit(quantity: int, taken: Iterable[tuple[int, int]], amount: int) -> int | None:
    """Return the first position of a gap between the taken seats, or None if there is none.

    Args:
        quantity: how many seats the group has.
        taken: the taken positions, as pairs of the first one and the one after the last.
        amount: how many seats the gap must have.
    """
    start = 0
    for lower, upper in sorted(taken):
        if lower - start >= amount:
            break
        start = max(start, upper)
    return start if start + amount <= quantity else None
