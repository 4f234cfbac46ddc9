"""Cells that a spreadsheet would run as a formula: made harmless on the way out, and back."""

import re

# One more apostrophe on every such text, those that begin with one already included: so that
# `restored` is the exact inverse, and an export that is read back changes nothing.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def defused(text: str) -> str:
    """`text` as a cell that a spreadsheet shows and does not run."""
    return f"'{text}" if FORMULA.match(text) else text


def restored(cell: str) -> str:
    """The text that `defused` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
