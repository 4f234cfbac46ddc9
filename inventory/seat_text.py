"""Reads and writes seats as a broker does: `1-8`, `1-15 odd`, `2-10 even`, `A1-A4`, or a list."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence

from inventory.limits import MOST_SEATS, SEAT_LENGTH
from inventory.seats import NUMBERED

RANGE = re.compile(r"(\S*?\d{1,9})\s*[-–]\s*(\S*?\d{1,9})(?:\s+(odd|even))?", re.IGNORECASE)


def read(text: str) -> list[str]:
    """Return the seat labels that a text names, in its order. An empty text names none.

    Raises:
        ValueError: the text cannot be read. The message is a sentence for the broker.
    """
    if not text.strip():
        return []
    labels: list[str] = []
    for part in re.split("[,;]", text):
        labels += _read_part(part.strip())
        if len(labels) > MOST_SEATS:
            raise ValueError(f"A ticket group has at most {MOST_SEATS} seats.")
    for label in labels:
        if len(label) > SEAT_LENGTH:
            raise ValueError(
                f"The seat {label[:SEAT_LENGTH]}… has more than {SEAT_LENGTH} characters."
            )
    if len(set(labels)) < len(labels):
        twice = next(label for label, times in Counter(labels).items() if times > 1)
        raise ValueError(f"The seat {twice} is listed twice.")
    return labels


def _read_part(part: str) -> list[str]:
    if not part:
        raise ValueError("There is a comma with no seat beside it.")
    # A text longer than any range is not matched, because the pattern is slow on long texts.
    ends = RANGE.fullmatch(part) if len(part) <= 4 * SEAT_LENGTH else None
    if not ends:
        return [part]
    first, last = (NUMBERED.fullmatch(ends[end]) for end in (1, 2))
    if not first or not last or first[1] != last[1]:
        raise ValueError(f"{part} must begin and end with the same letters.")
    low, high, kind = int(first[2]), int(last[2]), (ends[3] or "").lower()
    for number in (low, high):
        if kind and number % 2 != (kind == "odd"):
            raise ValueError(f"In {part}, seat {number} is not {kind}.")
    if low > high:
        raise ValueError(f"{part} runs backwards.")
    numbers = range(low, high + 1, 2 if kind else 1)
    if len(numbers) > MOST_SEATS:
        raise ValueError(f"{part} is more than {MOST_SEATS} seats.")
    width = len(first[2]) if len(first[2]) == len(last[2]) else 0
    return [f"{first[1]}{number:0{width}}" for number in numbers]


def written(labels: Sequence[str]) -> str:
    """Return a short text for seat labels, which `read` reads back.

    A label with a comma and one that looks like a range are written as they are, although `read`
    takes each of them for several seats. `can_be_read` finds such labels.
    """
    parts: list[str] = []
    start = 0
    while start < len(labels):
        part, count = _first_part(labels[start:], alone=start == 0)
        parts.append(part)
        start += count
    return ", ".join(parts)


def can_be_read(labels: Sequence[str]) -> bool:
    """Return whether `read` reads exactly these labels from what `written` makes of them."""
    try:
        return read(written(labels)) == list(labels)
    except ValueError:
        return False


def _first_part(labels: Sequence[str], *, alone: bool) -> tuple[str, int]:
    """Return the text for the first labels of a list, and how many labels it names."""
    fewest = 2 if alone and len(labels) == 2 else 3  # noqa: PLR2004  as a part of a longer list, `1, 2` is clearer
    for step, ending in ((1, ""), (2, " odd"), (2, " even")):
        count = _run(labels, step)
        part = f"{labels[0]}-{labels[count - 1]}{ending}"
        if count >= (fewest if step == 1 else 3) and _reads_as(part, labels[:count]):
            return part, count
    return labels[0], 1


def _run(labels: Sequence[str], step: int) -> int:
    """Return how many labels at the start of a list have numbers that are `step` apart."""
    for count, (left, right) in enumerate(itertools.pairwise(labels), start=1):
        one, other = NUMBERED.fullmatch(left), NUMBERED.fullmatch(right)
        if not one or not other or int(other[2]) - int(one[2]) != step:
            return count
    return len(labels)


def _reads_as(part: str, labels: Sequence[str]) -> bool:
    try:
        return _read_part(part) == list(labels)
    except ValueError:
        return False
