"""What one cell says: pure functions from its text.

Each gives a tuple of values, or raises BadCell with what was expected. A cell is blank that is
empty, spaces or NULL. What a spreadsheet would run as a formula, and was defused, is restored.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from inventory.book.formulas import BLANK, ROUNDED, restored
from inventory.limits import HIGHEST_PRICE, ID_MEANING, ID_PATTERN, MOST_TICKETS

LONGEST_CELL = 40_000  # characters; the longest list of seats in quotes has some 35,000
LONGEST_MONEY = 20  # characters
CENT = Decimal("0.01")

REMOTE_ID = re.compile(ID_PATTERN)
IS_BLANK = re.compile(BLANK)
IS_ROUNDED = re.compile(ROUNDED)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
DIGITS = re.compile(r"[0-9]{1,9}")
PLAIN_MONEY = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
US_MONEY = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
EU_MONEY = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}|[0-9]+,[0-9]{1,2}")
THOUSANDS_OR_DECIMALS = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")

YES = frozenset({"y", "yes", "true", "t", "1"})
NO = frozenset({"n", "no", "false", "f", "0"})


class BadCell(Exception):
    """A cell that does not say what its column should; `argument` is which of several, from 0."""

    def __init__(self, expected: str, *, argument: int = 0) -> None:
        super().__init__(expected)
        self.expected = expected
        self.argument = argument


def unpadded(cell: str) -> str:
    """The cell without spaces around it; nothing where it is blank."""
    text = cell.strip()
    return "" if IS_BLANK.match(text) else restored(text)


def remote_id(cell: str) -> tuple[str]:
    """The broker's own id of a group, as the contract has it."""
    text = unpadded(cell)
    if not REMOTE_ID.fullmatch(text):
        raise BadCell(f"must be {ID_MEANING}")
    if "+" in text and IS_ROUNDED.match(cell.strip()):
        raise BadCell(
            "was rounded by a spreadsheet: format the column as text before the file is saved"
        )
    return (text,)


def name(cell: str, *, longest: int) -> tuple[str]:
    """A text that must be there, on one line. Line breaks and odd spaces become spaces."""
    text = unpadded(cell)
    if not text.isprintable():
        text = " ".join(text.split())
    if not text:
        raise BadCell("must not be empty")
    if CONTROL.search(text):
        raise BadCell("must not contain control characters")
    if len(text) > longest:
        raise BadCell(f"must be at most {longest} characters, and has {len(text)}")
    return (text,)


def notes(cell: str, *, longest: int) -> tuple[str]:
    """A text that may be empty. One that is too long is refused: cutting it would lose words."""
    text = unpadded(cell)
    if len(text) > longest:
        raise BadCell(f"must be at most {longest} characters, and has {len(text)}")
    return (text,)


def quantity(cell: str) -> tuple[int]:
    """How many tickets."""
    text = cell.strip()
    if not DIGITS.fullmatch(text) or not 1 <= int(text) <= MOST_TICKETS:
        raise BadCell(f"must be a whole number from 1 to {MOST_TICKETS:,}")
    return (int(text),)


def price(cell: str) -> tuple[Decimal]:
    """An amount that must be there."""
    (amount,) = money(cell)
    if amount is None:
        raise BadCell("must not be empty: an amount such as 1600.00 or $1,600.00")
    return (amount,)


def money(cell: str) -> tuple[Decimal | None]:
    """An amount in whole cents, the fractions of a cent that programs leave rounded; or nothing."""
    text = unpadded(cell).removeprefix("$").lstrip()
    if not text:
        return (None,)
    amount = Decimal(_plain(text)).quantize(CENT, ROUND_HALF_UP)
    if amount > HIGHEST_PRICE:
        raise BadCell(f"must be at most {HIGHEST_PRICE:,}")
    return (amount,)


def _plain(text: str) -> str:
    """The amount as Python writes it."""
    if THOUSANDS_OR_DECIMALS.fullmatch(text):
        whole, thousandths = text.split(".")
        raise BadCell(
            f"could be {whole}{thousandths} or {whole}.{thousandths[:2]}: "
            "write two decimals, such as 1600.00"
        )
    if len(text) <= LONGEST_MONEY:
        if PLAIN_MONEY.fullmatch(text):
            return text
        if US_MONEY.fullmatch(text):
            return text.replace(",", "")
        if EU_MONEY.fullmatch(text):
            return text.replace(".", "").replace(",", ".")
    if text[0] in "-(−":
        raise BadCell("must not be negative")
    raise BadCell("must be an amount such as 1600.00 or $1,600.00")


def flag(cell: str, *, blank: bool) -> tuple[bool]:
    """Yes or no; `blank` where the cell is."""
    text = unpadded(cell).lower()
    if text in YES:
        return (True,)
    if text in NO:
        return (False,)
    if not text:
        return (blank,)
    raise BadCell("must be Y or N")
