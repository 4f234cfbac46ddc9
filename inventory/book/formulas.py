"""Protects texts that a spreadsheet or a reader of books would take for something else."""

import re

# A spreadsheet runs a text that begins like FORMULA as a formula. A reader of books takes the other
# two for a blank cell and for a number that a spreadsheet has rounded.
FORMULA = r"[=+\-@\t\r]"
BLANK = r"(?:NULL|null)\Z"
ROUNDED = r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]+\Z"
# Every such text gets one more apostrophe, even if it begins with apostrophes already. Therefore
# `restored` is the exact inverse, and reading an export back changes nothing.
MISTAKEN = re.compile(rf"'*(?:{FORMULA}|{BLANK}|{ROUNDED})")


def defused(text: str) -> str:
    """Return `text` as a cell that spreadsheets do not run, and that readers take for this text."""
    return f"'{text}" if MISTAKEN.match(text) else text


def restored(cell: str) -> str:
    """Return the text from which `defused` made a cell."""
    return cell[1:] if cell.startswith("'") and MISTAKEN.match(cell) else cell
