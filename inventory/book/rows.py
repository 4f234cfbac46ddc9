"""What a book is read into: a row that is right, or one that is refused with all its problems."""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from inventory.seats import SplitRule

LONGEST_SHOWN = 80


class Row(NamedTuple):
    """A ticket group as the file lists it. What the file has no column for stands at its default.

    `line` is the first line of the row in the file, from 1; money is in the broker's currency.
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
    """What is wrong in a row: the header as the file has it, the cell, and what it should be.

    Where the row as a whole is wrong, column and value are empty.
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
    """A row that is not taken: its cells as they stand in the file, and every problem.

    Only spaces before a cell are gone; a line that could not be cut into cells is one.
    `remote_id` is None where it could not be read.
    """

    line: int
    remote_id: str | None
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]
