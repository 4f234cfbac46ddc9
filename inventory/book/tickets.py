"""What a book says of the tickets themselves: seats, split rule, stock type."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from inventory.book.cells import BadCell, quantity, unpadded
from inventory.book.formulas import defused
from inventory.limits import MOST_SEATS, SEAT_LENGTH
from inventory.models import StockType
from inventory.seats import NUMBERED, SplitRule
from inventory.stock_rules import in_order

NO_SEATS = frozenset({"", "*", "n/a"})
LISTED, FIRST, LAST, COUNT = range(4)  # the arguments of `seats`
SEPARATORS = re.compile(r"[\s,;|]+")
# One label in quotes, where a quote inside is doubled, and what follows it. The possessive
# quantifiers never give back what they took: with backtracking a cell full of quotes would take
# quadratic time, and a single match holds the interpreter's lock until it ends.
QUOTED = re.compile(r'"((?:[^"]++|"")++)"(?:,|\Z)')
SPLIT_SEPARATORS = re.compile(r"[\s,;|:]+")

SPLIT_RULES = {
    "any": SplitRule.ANY,
    "anysplit": SplitRule.ANY,
    "none": SplitRule.NONE,
    "nosplit": SplitRule.NONE,
    "alltogether": SplitRule.NONE,
    "neverleaveone": SplitRule.NEVER_LEAVE_ONE,
    "avoidone": SplitRule.NEVER_LEAVE_ONE,
    "nosingles": SplitRule.NEVER_LEAVE_ONE,
    "pairs": SplitRule.PAIRS,
    "custom": SplitRule.CUSTOM,
    # DEFAULT differs by company, and TEvo's own is not published. Never leaving one is the least
    # that they share, and the cautious reading: a single left behind is hard to sell.
    "default": SplitRule.NEVER_LEAVE_ONE,
    "": SplitRule.NEVER_LEAVE_ONE,
}


def letters(text: str) -> str:
    """A word of an enumeration, however it is spelt: Flash_seats, FLASH SEATS, flash-seats."""
    return re.sub(r"[\W_]+", "", text).lower()


STOCK_TYPES = {letters(word): kind for kind in StockType for word in (kind.value, kind.label)} | {
    "eticket": StockType.ELECTRONIC,
    "etickets": StockType.ELECTRONIC,
    "pdf": StockType.ELECTRONIC,
    "physical": StockType.HARD,
    "paper": StockType.HARD,
    "tmmobile": StockType.MOBILE_TRANSFER,
    "tmx": StockType.MOBILE_TRANSFER,
}


def seats(listed: str, first: str, last: str, count: str) -> tuple[tuple[str, ...]]:
    """The seat labels, from a list or else from the first and the last; none without numbers."""
    try:
        (wanted,) = quantity(count)
    except BadCell as bad:
        raise BadCell(bad.expected, argument=COUNT) from None
    if _given(listed):
        labels, source = _listed(listed), LISTED
    else:
        labels, source = _between(first, last, wanted), LAST
    if labels and len(labels) != wanted:
        raise BadCell(
            f"makes {_seats(len(labels))}, but the quantity is {wanted:,}", argument=source
        )
    return (tuple(labels),)


def split(kind: str, listed: str) -> tuple[SplitRule, tuple[int, ...]]:
    """The split rule, and the quantities of a custom one.

    A list with no type beside it is a custom rule; with another type, the type decides. Quantities
    above the group's own are kept: they do no harm, and the group may grow.
    """
    word, sizes = letters(unpadded(kind)), unpadded(listed)
    if word == "avoidoneandthree":
        raise BadCell(
            "is a rule that is not kept here, and any other would sell what it forbids: "
            "choose NONE, PAIRS, NEVERLEAVEONE or a CUSTOM list"
        )
    rule = SPLIT_RULES.get(word)
    if rule is None:
        raise BadCell("must be ANY, NONE, NEVERLEAVEONE, PAIRS, CUSTOM or DEFAULT")
    if rule != SplitRule.CUSTOM and (word or not sizes):
        return rule, ()
    try:
        quantities = {quantity(size)[0] for size in SPLIT_SEPARATORS.split(sizes) if size}
    except BadCell as bad:
        raise BadCell("must be a list of quantities such as 2,4", argument=1) from bad
    if not 1 <= len(quantities) <= MOST_SEATS:
        raise BadCell("must list the quantities of the custom split, such as 2,4", argument=1)
    return SplitRule.CUSTOM, tuple(sorted(quantities))


def stock_type(cell: str) -> tuple[str]:
    """How the tickets reach the buyer; empty where the file does not say."""
    word = letters(unpadded(cell))
    if word and word not in STOCK_TYPES:
        raise BadCell(f"must be one of {', '.join(StockType.values)}, or empty")
    return (STOCK_TYPES[word].value if word else "",)


def _given(cell: str) -> bool:
    return unpadded(cell).lower() not in NO_SEATS


def _seats(number: int) -> str:
    return "1 seat" if number == 1 else f"{number:,} seats"


def _is_label(text: str) -> bool:
    return len(text) <= SEAT_LENGTH and text.isprintable() and not SEPARATORS.search(text)


def _listed(cell: str) -> list[str]:
    """The labels of a list, from low to high where all are numbers, or numbers behind letters.

    Those in quotes stay as they are.
    """
    if exact := _quoted(cell.strip()):
        return exact
    labels = [label for label in SEPARATORS.split(unpadded(cell)) if label]
    if not labels or not all(map(_is_label, labels)):
        raise BadCell(
            f"must be a list of seats such as 7,8, each of up to {SEAT_LENGTH} characters"
        )
    if len(labels) > MOST_SEATS:
        raise BadCell(f"makes {_seats(len(labels))}, and at most {MOST_SEATS:,} are numbered")
    numbers = [NUMBERED.fullmatch(label) for label in labels]
    # 7 and 07 are one seat.
    keys = [(n[1], int(n[2])) if n else s for s, n in zip(labels, numbers, strict=True)]
    if len(set(keys)) < len(keys):
        times = Counter(keys)
        twice = next(s for s, key in zip(labels, keys, strict=True) if times[key] > 1)
        raise BadCell(f"lists seat {twice} twice")
    return in_order(labels)


def _quoted(cell: str) -> list[str]:
    """The labels of a list in quotes; none where it is not one.

    Each match begins where the one before it ended, and the first failure ends the search.
    """
    labels: list[str] = []
    start = 0
    while len(labels) < MOST_SEATS and (found := QUOTED.match(cell, start)):
        labels.append(found[1].replace('""', '"'))
        start = found.end()
    fits = len(set(labels)) == len(labels) and all(len(label) <= SEAT_LENGTH for label in labels)
    return labels if fits and quoted(labels) == cell else []


def seat_list(labels: Sequence[str]) -> str:
    """Seat labels as a cell from which `seats` reads them, in quotes where it must be."""
    plain = ",".join(labels)
    cell = defused(plain)
    try:
        (read,) = seats(cell, "", "", str(len(labels)))
    except BadCell:
        read = ()
    return cell if list(read) == list(labels) else quoted(labels)


def quoted(labels: Iterable[str]) -> str:
    """A list that says each label exactly."""
    return ",".join('"{}"'.format(label.replace('"', '""')) for label in labels)


def ends(labels: Sequence[str]) -> tuple[str, str]:
    """The first and the last seat, where they say all of them; else nothing."""
    if not labels:
        return "", ""
    first, last = defused(labels[0]), defused(labels[-1])
    try:
        (read,) = seats("", first, last, str(len(labels)))
    except BadCell:
        read = ()
    return (first, last) if list(read) == list(labels) else ("", "")


def _between(first: str, last: str, wanted: int) -> list[str]:
    """The labels from first to last: next to each other, or every other one of an odd/even row."""
    if not _given(first):
        if _given(last):
            raise BadCell("is missing, while the last seat is given", argument=FIRST)
        return []
    if not _given(last) and wanted > 1:
        raise BadCell(f"is missing, while the quantity is {wanted:,}", argument=LAST)
    start = unpadded(first)
    end = unpadded(last) if _given(last) else start
    if not _is_label(start):
        raise BadCell(f"must be one seat, of up to {SEAT_LENGTH} characters", argument=FIRST)
    return [start] if start == end else _run(start, end, wanted)


def _run(start: str, end: str, wanted: int) -> list[str]:
    low, high = NUMBERED.fullmatch(start), NUMBERED.fullmatch(end)
    if not low or not high or low[1] != high[1]:
        raise BadCell(
            f"must be a number behind the letters of the first seat, {start}", argument=LAST
        )
    lowest, highest = int(low[2]), int(high[2])
    if highest <= lowest:
        raise BadCell(f"must be above the first seat, {start}", argument=LAST)
    apart = highest - lowest
    step = 2 if apart % 2 == 0 and apart // 2 + 1 == wanted else 1
    if apart // step >= MOST_SEATS:
        raise BadCell(
            f"makes {_seats(apart // step + 1)}, and at most {MOST_SEATS:,} are numbered",
            argument=LAST,
        )
    width = len(low[2]) if low[2].startswith("0") else 0
    return [f"{low[1]}{number:0{width}}" for number in range(lowest, highest + 1, step)]
