"""Reading a book into a temporary table: as PostgreSQL takes it, row by row, in flat memory."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from django.db import connection

from inventory.book import RefusedRow, Row
from inventory.event_match import Listed
from inventory.seats import stride_of

Progress = Callable[[str, int, int], None]

# The row's own columns, in the order of `_line`, and those of a refused one.
STAGED = (
    *("line", "remote_id", "seats", "stride", "quantity", "section", "row", "price"),
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)
_COLUMNS = (*STAGED, "listing", "cells", "problems")
# Rows that are sent together, and after how many the progress is told.
_AT_ONCE, _TOLD = 500, 5000
# A book has few sections, seats and notes: texts that are escaped once and looked up afterwards.
_REMEMBERED = 4096
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Staged(NamedTuple):
    """How many rows a file has, how many cannot be read, and the events it names, each once.

    The position of an event among them stands in the column `listing`. `as_of` is the earliest
    moment that a row says it is of; None where no row says one.
    """

    read: int
    refused: int
    events: list[Listed]
    as_of: datetime | None


def stage(rows: Iterable[Row | RefusedRow], progress: Progress) -> Staged:
    """Copy the rows of a file into the temporary table `incoming`; raise what reading them does."""
    events: dict[tuple[str, str, date | None, time | None], int] = {}
    read = refused = 0
    as_of: datetime | None = None
    lines: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.incoming, pg_temp.meant")
        cursor.execute(
            "CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS"  # noqa: S608  column names only
            f" SELECT {', '.join(STAGED)}, 0 AS listing, cells, problems"
            " FROM inventory_importrow WHERE false"
        )
        with cursor.copy(f"COPY incoming ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            for read, row in enumerate(rows, start=1):
                if isinstance(row, RefusedRow):
                    refused += 1
                    lines.append(_refused_line(row))
                else:
                    event = row[2:6]
                    if row.as_of and (as_of is None or row.as_of < as_of):
                        as_of = row.as_of
                    lines.append(_line(row, events.setdefault(event, len(events))))
                if read % _AT_ONCE == 0:
                    copy.write("".join(lines))
                    lines.clear()
                    if read % _TOLD == 0:
                        progress("reading", read, 0)
            copy.write("".join(lines))
        # A small sample: the plan needs the size and the key, and no more.
        cursor.execute("SELECT set_config('default_statistics_target', '10', true)")
        cursor.execute("ANALYZE incoming (remote_id, listing)")
    listed = [Listed(*event) for event in events]
    return Staged(read, refused, listed, as_of)


def _line(row: Row, listing: int) -> str:
    """A row as COPY reads it, for each row of a large file: so no loop over its columns."""
    facts = row[6:]
    quantity, section, name, seats, rule, sizes, price, cost, face_value, *rest = facts
    stock_type, in_hand_on, public, internal, on_sale, _ = rest
    return (
        f"{row[0]}\t{_own_id(row[1])}\t{_list(seats)}\t{_stride(seats)}\t{quantity}"
        f"\t{_text(section)}\t{_text(name)}"
        f"\t{price}\t{rule}\t{_list(sizes)}\t{_or_null(cost)}\t{_or_null(face_value)}"
        f"\t{stock_type}\t{_or_null(in_hand_on)}\t{_text(public)}\t{_text(internal)}\t{on_sale}"
        f"\t{listing}\t{_NULL}\t{_NULL}\n"
    )


def _refused_line(row: RefusedRow) -> str:
    """A refused row as COPY reads it: the line, the id if it has one, its cells and problems."""
    nothing = "\t".join(["{}", _NULL, "0", "", "", _NULL, "", "{}", *[_NULL] * 7])
    # Not remembered: a refused row may have a megabyte, and none is like another.
    cells, problems = (
        _list.__wrapped__(values) for values in (row.cells, tuple(map(str, row.problems)))
    )
    return f"{row.line}\t{_own_id(row.remote_id or '')}\t{nothing}\t0\t{cells}\t{problems}\n"


def _own_id(remote_id: str) -> str:
    return remote_id.replace("\\", "\\\\")  # it has no spaces and nothing that is not printable


def _or_null(value: object) -> object:
    return _NULL if value is None else value


@lru_cache(_REMEMBERED)
def _stride(seats: tuple[str, ...]) -> object:
    return _or_null(stride_of(seats))


@lru_cache(_REMEMBERED)
def _text(text: str) -> str:
    return text.translate(_ESCAPES)


@lru_cache(_REMEMBERED)
def _list(values: tuple[object, ...]) -> str:
    """An array as PostgreSQL writes it, each element in quotes."""
    quoted = [f'"{_quoted(str(value))}"' for value in values]
    return f"{{{','.join(quoted)}}}".translate(_ESCAPES)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
