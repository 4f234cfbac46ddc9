"""Pure functions that read one cell.

Each of them returns a tuple of values, since some cells give several. A cell is blank if it is
empty, has nothing but spaces, or is NULL. A text that was defused, so that a spreadsheet does not
run it as a formula, is restored.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from inventory.book.formulas import BLANK, ROUNDED, restored
from inventory.limits import HIGHEST_PRICE, ID_MEANING, ID_PATTERN, MOST_TICKETS

LONGEST_CELL = 40_000  # characters; the longest list of quoted seats has some 35,000
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
    """Raised when a cell is not valid for its column.

    `expected` completes a sentence that begins with the cell. If a function reads several cells,
    `argument` is the index of the cell among its arguments.
    """

    def __init__(self, expected: str, *, argument: int = 0) -> None:
        super().__init__(expected)
        self.expected = expected
        self.argument = argument


def unpadded(cell: str) -> str:
    """Return the restored text of a cell without surrounding spaces, or `""` if it is blank."""
    text = cell.strip()
    return "" if IS_BLANK.match(text) else restored(text)


def remote_id(cell: str) -> tuple[str]:
    """Read the broker's own id of a group, in the form of the contract (/docs/contract/).

    Raises:
        BadCell: the id has another form, or a spreadsheet has rounded it.
    """
    text = unpadded(cell)
    if not REMOTE_ID.fullmatch(text):
        raise BadCell(f"must be {ID_MEANING}")
    if "+" in text and IS_ROUNDED.match(cell.strip()):
        raise BadCell(
            "was rounded by a spreadsheet: format the column as text before the file is saved"
        )
    return (text,)


def name(cell: str, *, longest: int) -> tuple[str]:
    """Read a text that is required, of at most `longest` characters, on one line.

    Line breaks and unusual spaces become single spaces.

    Raises:
        BadCell: the text is empty, is too long, or has control characters.
    """
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
    """Read a text that may be empty, of at most `longest` characters.

    Raises:
        BadCell: the text is too long. It is not cut, since that would lose words.
    """
    text = unpadded(cell)
    if len(text) > longest:
        raise BadCell(f"must be at most {longest} characters, and has {len(text)}")
    return (text,)


def quantity(cell: str) -> tuple[int]:
    """Read a number of tickets.

    Raises:
        BadCell: this is not a whole number, or it is out of bounds.
    """
    text = cell.strip()
    if not DIGITS.fullmatch(text) or not 1 <= int(text) <= MOST_TICKETS:
        raise BadCell(f"must be a whole number from 1 to {MOST_TICKETS:,}")
    return (int(text),)


def price(cell: str) -> tuple[Decimal]:
    """Read an amount that is required, in the broker's currency.

    Raises:
        BadCell: the cell is blank, or `money` refuses it.
    """
    (amount,) = money(cell)
    if amount is None:
        raise BadCell("must not be empty: an amount such as 1600.00 or $1,600.00")
    return (amount,)


def money(cell: str) -> tuple[Decimal | None]:
    """Read an amount in the broker's currency, rounded to cents, or None if the cell is blank.

    Some programs write fractions of a cent.

    Raises:
        BadCell: this is not an amount, it is ambiguous, negative or too high.
    """
    text = unpadded(cell).removeprefix("$").lstrip()
    if not text:
        return (None,)
    amount = Decimal(_plain(text)).quantize(CENT, ROUND_HALF_UP)
    if amount > HIGHEST_PRICE:
        raise BadCell(f"must be at most {HIGHEST_PRICE:,}")
    return (amount,)


def _plain(text: str) -> str:
    """Return the amount as Python writes it."""
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
    """Read yes or no. A blank cell means `blank`.

    Raises:
        BadCell: the cell is neither yes, no nor blank.
    """
    text = unpadded(cell).lower()
    if text in YES:
        return (True,)
    if text in NO:
        return (False,)
    if not text:
        return (blank,)
    raise BadCell("must be Y or N")
