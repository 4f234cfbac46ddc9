"""Reads a book: its header row at once, and the other rows while they are iterated."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from inventory.book import date_cells, ticket_cells
from inventory.book.cells import (
    LONGEST_CELL,
    BadCell,
    flag,
    money,
    name,
    notes,
    price,
    quantity,
    remote_id,
)
from inventory.book.csv_records import DELIMITERS, Broken, Records
from inventory.book.formats import KNOWN, Format, normalised, recognised
from inventory.book.rows import Problem, RefusedRow, Row
from inventory.book.text_lines import Lines, Readable
from inventory.limits import NAME_LENGTH, NOTE_LENGTH, PLACE_LENGTH

# How many texts are remembered with what they say, since a book repeats events, sections and seats.
REMEMBERED = 512


class Fact(NamedTuple):
    """Some fields of a row, the columns they are read from, and the function that reads them."""

    fields: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[..., tuple[Any, ...]]


def facts(form: Format, today: dt.date) -> list[Fact]:
    """Return how all fields of a row are read, in the order of Row."""
    day, start = (
        partial(read, today=today, may_be_empty=form.date_may_be_empty)
        for read in (date_cells.event_date, date_cells.event_time)
    )
    title, place = partial(name, longest=NAME_LENGTH), partial(name, longest=PLACE_LENGTH)
    note = partial(notes, longest=NOTE_LENGTH)
    often = lru_cache(REMEMBERED)
    return [
        Fact(("remote_id",), ("remote_id",), remote_id),
        Fact(("event_name",), ("event_name",), often(title)),
        Fact(("venue",), ("venue",), often(title)),
        Fact(("date",), ("date",), often(day)),
        Fact(("time",), ("time", "date"), often(start)),
        Fact(("quantity",), ("quantity",), often(quantity)),
        Fact(("section",), ("section",), often(place)),
        Fact(("row",), ("row",), often(place)),
        Fact(
            ("seats",), ("seats", "seat_from", "seat_thru", "quantity"), often(ticket_cells.seats)
        ),
        Fact(
            ("split_rule", "split_quantities"),
            ("split_type", "split_value"),
            often(ticket_cells.split),
        ),
        Fact(("price",), ("price",), price),
        Fact(("cost",), ("cost",), money),
        Fact(("face_value",), ("face_value",), money),
        Fact(("stock_type",), ("stock_type",), often(ticket_cells.stock_type)),
        Fact(("in_hand_on",), ("in_hand", "in_hand_date"), often(date_cells.in_hand_on)),
        Fact(("public_notes",), ("public_notes",), note),
        Fact(("internal_notes",), ("internal_notes",), note),
        # A listed group is for sale unless the file says otherwise.
        Fact(("on_sale",), ("on_sale",), often(partial(flag, blank=True))),
        Fact(("as_of",), ("as_of",), often(date_cells.as_of)),
    ]


def open_book(
    stream: Readable,
    *,
    format: str | None = None,  # noqa: A002  the field's word
    today: dt.date | None = None,
) -> "Book":
    """Read the header row of a file and return its book.

    `format` is the name of the format, or None to recognise it by the headers. `today` is the day
    from which it is judged whether an event is too far ahead; the default is the present day.

    Raises:
        BookError: the file cannot be read as a book. Errors in later rows are raised while the book
            is iterated.
    """
    records = Records(Lines(stream))
    form, columns = recognised(records.headers, format)
    return Book(records, form, columns, today=today or dt.datetime.now(tz=dt.UTC).date())


class Book:
    """A broker's book, whose rows can be iterated once.

    Attributes:
        format: the name of its format.
        delimiter: the character between its cells.
        headers: the headers as the file has them.
        columns: the index of the column that gives each fact.
        ignored: the headers that are not known.
        not_kept: the headers that are known, but whose content is not stored.
        fields: the fields of Row that the file has columns for. The file says nothing of the other
            fields, so their stored values are to be kept.
    """

    def __init__(
        self, records: Records, form: Format, columns: dict[str, int], *, today: dt.date
    ) -> None:
        self.format = form.name
        self.delimiter = records.delimiter
        self.headers = tuple(records.headers)
        self.columns = columns
        unused = [i for i in range(len(self.headers)) if i not in columns.values()]
        self.not_kept = tuple(self.headers[i] for i in unused if self._is_known(i))
        self.ignored = tuple(
            self.headers[i] or f"column {i + 1}" for i in unused if not self._is_known(i)
        )
        there = [fact for fact in facts(form, today) if not columns.keys().isdisjoint(fact.columns)]
        self.fields = frozenset(chain.from_iterable(fact.fields for fact in there))
        self._steps = [
            (fact.read, self._picker(fact), len(fact.columns) > 1, fact)
            for fact in facts(form, today)
        ]
        self._records = records
        self._lines: dict[str, int] = {}  # the line in which each remote id was read first

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        for line, cells in self._records:
            if isinstance(cells, Broken):
                problem = Problem("", "", cells.why)
                yield RefusedRow(line, None, (cells.text,), (problem,))
            elif row := self._row(line, cells):
                yield row

    def _is_known(self, position: int) -> bool:
        return normalised(self.headers[position]) in KNOWN

    def _picker(self, fact: Fact) -> Callable[[list[str]], Any]:
        """Return a function that picks the cells of a fact.

        For a column that the file lacks it picks the empty cell that `_row` appends.
        """
        at = [self.columns.get(column, len(self.headers)) for column in fact.columns]
        return itemgetter(*at)

    def _row(self, line: int, cells: list[str]) -> Row | RefusedRow | None:
        """Read a row. The result is None if all its cells are empty."""
        width = len(self.headers)
        if len(cells) < width or any(map(str.strip, cells[width:])):
            return self._misfit(line, cells)
        del cells[width:]
        if max(map(len, cells)) > LONGEST_CELL:
            return self._oversized(line, cells)
        cells.append("")
        values: list[Any] = [line]
        problems: list[Problem] = []
        for read, pick, several, fact in self._steps:
            try:
                values += read(*pick(cells)) if several else read(pick(cells))
            except BadCell as bad:
                problem = self._problem(fact, cells, bad)
                if problem not in problems:
                    problems.append(problem)
        own_id = self._readable_id(cells) if problems else values[1]
        if own_id and (first := self._lines.setdefault(own_id, line)) != line:
            header = self.headers[self.columns["remote_id"]]
            problems.append(Problem(header, own_id, f"is in line {first} already"))
        if not problems:
            return Row(*values)
        del cells[width:]
        if not any(map(str.strip, cells)):
            return None
        return RefusedRow(line, own_id, tuple(cells), tuple(problems))

    def _oversized(self, line: int, cells: list[str]) -> RefusedRow:
        """Refuse a row with a cell that is too long, which bounds the time to check a cell."""
        own_id = None
        if len(cells[self.columns["remote_id"]]) <= LONGEST_CELL:
            own_id = self._readable_id(cells)
        problems = tuple(
            Problem(header, cell, f"must be at most {LONGEST_CELL:,} characters: has {len(cell):,}")
            for header, cell in zip(self.headers, cells, strict=True)
            if len(cell) > LONGEST_CELL
        )
        return RefusedRow(line, own_id, tuple(cells), problems)

    def _readable_id(self, cells: list[str]) -> str | None:
        try:
            return remote_id(cells[self.columns["remote_id"]])[0]
        except BadCell:
            return None

    def _problem(self, fact: Fact, cells: list[str], bad: BadCell) -> Problem:
        column = fact.columns[bad.argument]
        if column not in self.columns:
            column = next(other for other in fact.columns if other in self.columns)
        at = self.columns[column]
        return Problem(self.headers[at], cells[at], bad.expected)

    def _misfit(self, line: int, cells: list[str]) -> RefusedRow | None:
        """Refuse a row with more or fewer cells than the header. A blank row gives None."""
        if not any(map(str.strip, cells)):
            return None
        count, divided = len(cells), DELIMITERS[self.delimiter]
        why = f"has {count} cell{'s' * (count > 1)}, and the header has {len(self.headers)}"
        if count > len(self.headers):
            why += f". They are divided by {divided}: is one in a cell with no quotes around it?"
        return RefusedRow(line, None, tuple(cells), (Problem("", "", why),))
