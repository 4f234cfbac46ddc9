"""Reads a book: the header row at once, the other rows one by one while they are asked for."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from inventory.book import dates, tickets
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
from inventory.book.formats import KNOWN, Format, normalised, recognised
from inventory.book.lines import Lines, Readable
from inventory.book.records import DELIMITERS, Broken, Records
from inventory.book.rows import Problem, RefusedRow, Row
from inventory.limits import NOTE_LENGTH

# Texts that are read once and looked up afterwards: a book has few events, sections and seats.
REMEMBERED = 512


class Fact(NamedTuple):
    """How some fields of a row are read, and from which columns."""

    fields: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[..., tuple[Any, ...]]


def facts(form: Format, today: dt.date) -> list[Fact]:
    """All fields of a row, in its order."""
    day, start = (
        partial(read, today=today, may_be_empty=form.date_may_be_empty)
        for read in (dates.event_date, dates.event_time)
    )
    title, place = partial(name, longest=300), partial(name, longest=100)
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
        Fact(("seats",), ("seats", "seat_from", "seat_thru", "quantity"), often(tickets.seats)),
        Fact(
            ("split_rule", "split_quantities"),
            ("split_type", "split_value"),
            often(tickets.split),
        ),
        Fact(("price",), ("price",), price),
        Fact(("cost",), ("cost",), money),
        Fact(("face_value",), ("face_value",), money),
        Fact(("stock_type",), ("stock_type",), often(tickets.stock_type)),
        Fact(("in_hand_on",), ("in_hand", "in_hand_date"), often(dates.in_hand_on)),
        Fact(("public_notes",), ("public_notes",), note),
        Fact(("internal_notes",), ("internal_notes",), note),
        # What a file lists is offered, unless it says no.
        Fact(("on_sale",), ("on_sale",), often(partial(flag, blank=True))),
        Fact(("as_of",), ("as_of",), often(dates.as_of)),
    ]


def open_book(
    stream: Readable,
    *,
    format: str | None = None,  # noqa: A002  the field's word
    today: dt.date | None = None,
) -> "Book":
    """The book in a file, of the format `format`, or of the one that its headers show.

    `today` is the day from which an event lies too far ahead; the present one if not given. Raises
    BookError for a file that cannot be read; what is found later is raised while it is iterated.
    """
    records = Records(Lines(stream))
    form, columns = recognised(records.headers, format)
    return Book(records, form, columns, today=today or dt.datetime.now(tz=dt.UTC).date())


class Book:
    """A broker's book, whose rows can be iterated once, as those of a file.

    `format`: its name. `delimiter`. `headers`: as the file has them. `columns`: what is known, and
    at which position, from 0. `ignored`: headers that are not known. `not_kept`: headers that are
    known, but whose content goes nowhere. `fields`: those of a Row that the file has columns for;
    what is not among them says nothing, and is to be left as it is stored.
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
        self._lines: dict[str, int] = {}  # where each remote id was read first

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
        """Takes the cells of a fact. A column that is not there is empty: `_row` puts that last."""
        at = [self.columns.get(column, len(self.headers)) for column in fact.columns]
        return itemgetter(*at)

    def _row(self, line: int, cells: list[str]) -> Row | RefusedRow | None:
        """The row, or None where all its cells are empty."""
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
            problems.append(Problem(header, own_id, f"stands in line {first} already"))
        if not problems:
            return Row(*values)
        del cells[width:]
        if not any(map(str.strip, cells)):
            return None
        return RefusedRow(line, own_id, tuple(cells), tuple(problems))

    def _oversized(self, line: int, cells: list[str]) -> RefusedRow:
        """A row with a cell that is too long to be read: every check of a cell has a bound."""
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
        """A row with another number of cells than the header; a blank one is passed over."""
        if not any(map(str.strip, cells)):
            return None
        count, divided = len(cells), DELIMITERS[self.delimiter]
        why = f"has {count} cell{'s' * (count > 1)}, and the header has {len(self.headers)}"
        if count > len(self.headers):
            why += f". They are divided by {divided}: is one in a cell with no quotes around it?"
        return RefusedRow(line, None, tuple(cells), (Problem("", "", why),))
