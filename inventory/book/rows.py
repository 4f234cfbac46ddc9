"""The rows that a book is read into: valid ones, and refused ones with all their problems."""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from inventory.split_rules import SplitRule

LONGEST_SHOWN = 80


class Row(NamedTuple):
    """A ticket group as the file lists it.

    Fields for which the file has no column have their defaults. `line` is the first line of the row
    in the file, counted from 1. Amounts of money are in the broker's currency.
    """

    line: int
    remote_id: str
    event_name: str
    venue: str
    date: dt.date | None
    time: dt.time | None
    quantity: int
    section: str
    row: str
    seats: tuple[str, ...]
    split_rule: SplitRule
    split_quantities: tuple[int, ...]
    price: Decimal
    cost: Decimal | None
    face_value: Decimal | None
    stock_type: str
    in_hand_on: dt.date | None
    public_notes: str
    internal_notes: str
    on_sale: bool
    as_of: dt.datetime | None = None  # when the inventory was as the file says


class Problem(NamedTuple):
    """What is wrong in a row.

    `column` is the header as the file has it, `value` is the cell, and `message` completes a
    sentence that begins with both. If the row as a whole is wrong, `column` and `value` are empty.
    """

    column: str
    value: str
    message: str

    def __str__(self) -> str:
        if not self.column:
            return self.message
        cut = "…" if len(self.value) > LONGEST_SHOWN else ""
        return f"{self.column} “{self.value[:LONGEST_SHOWN]}{cut}” {self.message}"


class RefusedRow(NamedTuple):
    """A row that is refused, with its cells and all its problems.

    The cells are as in the file, but without leading spaces. A line that cannot be split into cells
    is given as one cell. `remote_id` is None if it cannot be read.
    """

    line: int
    remote_id: str | None
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]
