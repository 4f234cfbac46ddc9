"""Reads and writes what a book says of the tickets themselves: seats, split rule, stock type."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from inventory.book.cells import BadCell, quantity, unpadded
from inventory.book.formulas import defused
from inventory.limits import MOST_SEATS, SEAT_LENGTH
from inventory.models import StockType
from inventory.seats import NUMBERED
from inventory.split_rules import SplitRule
from inventory.stock_rules import in_order

NO_SEATS = frozenset({"", "*", "n/a"})
LISTED, FIRST, LAST, COUNT = range(4)  # the indexes of the arguments of `seats`
SEPARATORS = re.compile(r"[\s,;|]+")
# One label in quotes and what follows it. A quote inside the label is doubled. The quantifiers are
# possessive, because with backtracking a cell full of quotes would take quadratic time, and a match
# holds the interpreter's lock until it ends.
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
    # The meaning of DEFAULT differs by company, and TEvo has not published its own. Never leaving
    # one is common to all and is cautious, because a single ticket left behind is hard to sell.
    "default": SplitRule.NEVER_LEAVE_ONE,
    "": SplitRule.NEVER_LEAVE_ONE,
}


def letters(text: str) -> str:
    """Return the letters and digits of a word in lower case.

    The spellings Flash_seats, FLASH SEATS and flash-seats give the same result.
    """
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
    """Read the seat labels, from a list or else from the first and the last seat.

    The labels are empty for tickets without seat numbers. `count` is the cell of the quantity.

    Raises:
        BadCell: a cell is not valid, or the seats do not agree with the quantity.
    """
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
    """Read the split rule, and the quantities of a custom rule.

    A list without a type is a custom rule. With a type that is not CUSTOM, the list is ignored.
    Quantities above the group's own are kept, because the group may grow.

    Raises:
        BadCell: the type is unknown or not supported, or a custom rule has no valid quantities.
    """
    word, sizes = letters(unpadded(kind)), unpadded(listed)
    if word == "avoidoneandthree":
        raise BadCell(
            "is not supported, and any other rule would allow what it forbids: "
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
    """Read how the tickets reach the buyer. The result is empty if the cell is blank.

    Raises:
        BadCell: there is no such stock type.
    """
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
    """Return the labels of a list, sorted by number if all of them end in a number.

    Labels in quotes stay as they are, in their order.
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
    # 7 and 07 are the same seat.
    keys = [(n[1], int(n[2])) if n else s for s, n in zip(labels, numbers, strict=True)]
    if len(set(keys)) < len(keys):
        times = Counter(keys)
        twice = next(s for s, key in zip(labels, keys, strict=True) if times[key] > 1)
        raise BadCell(f"lists seat {twice} twice")
    return in_order(labels)


def _quoted(cell: str) -> list[str]:
    """Return the labels of a list in quotes, or an empty list if the cell is not such a list.

    Each match begins where the last one ended, and the first failure ends the search.
    """
    labels: list[str] = []
    start = 0
    while len(labels) < MOST_SEATS and (found := QUOTED.match(cell, start)):
        labels.append(found[1].replace('""', '"'))
        start = found.end()
    fits = len(set(labels)) == len(labels) and all(len(label) <= SEAT_LENGTH for label in labels)
    return labels if fits and quoted(labels) == cell else []


def seat_list(labels: Sequence[str]) -> str:
    """Return a cell from which `seats` reads these labels, with quotes only if they are needed."""
    plain = ",".join(labels)
    cell = defused(plain)
    try:
        (read,) = seats(cell, "", "", str(len(labels)))
    except BadCell:
        read = ()
    return cell if list(read) == list(labels) else quoted(labels)


def quoted(labels: Iterable[str]) -> str:
    """Return a list in quotes, which gives each label exactly."""
    return ",".join('"{}"'.format(label.replace('"', '""')) for label in labels)


def ends(labels: Sequence[str]) -> tuple[str, str]:
    """Return the first and the last seat if all seats follow from them, or else two empty texts."""
    if not labels:
        return "", ""
    first, last = defused(labels[0]), defused(labels[-1])
    try:
        (read,) = seats("", first, last, str(len(labels)))
    except BadCell:
        read = ()
    return (first, last) if list(read) == list(labels) else ("", "")


def _between(first: str, last: str, wanted: int) -> list[str]:
    """Return the labels from the first to the last seat: all of them, or every other one."""
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
