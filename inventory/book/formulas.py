"""Texts that a cell would say something else with: made harmless on the way out, and back."""

import re

# A spreadsheet runs the first as a formula; a reader of books takes the others for a blank, and
# for a number that was rounded.
FORMULA = r"[=+\-@\t\r]"
BLANK = r"(?:NULL|null)\Z"
ROUNDED = r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]+\Z"
# One more apostrophe on every such text, those that begin with one already included: so that
# `restored` is the exact inverse, and an export that is read back changes nothing.
MISTAKEN = re.compile(rf"'*(?:{FORMULA}|{BLANK}|{ROUNDED})")


def defused(text: str) -> str:
    """`text` as a cell that a spreadsheet shows and does not run, and that a reader reads."""
    return f"'{text}" if MISTAKEN.match(text) else text


def restored(cell: str) -> str:
    """The text that `defused` was given."""
    return cell[1:] if cell.startswith("'") and MISTAKEN.match(cell) else cell
