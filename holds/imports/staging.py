"""Copies the rows of a book into a temporary table, one after the other, in flat memory."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from django.db import connection

from inventory.book import RefusedRow, Row
from inventory.event_match import Listed
from inventory.seats import stride_of

Progress = Callable[[str, int, int], None]

# The columns of a row in the order of `_line`. `_COLUMNS` also has those of a refused row.
STAGED = (
    *("line", "remote_id", "seats", "stride", "quantity", "section", "row", "price"),
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)
_COLUMNS = (*STAGED, "listing", "cells", "problems")
# The number of rows that are sent together, and the number of rows between reports of progress.
_AT_ONCE, _TOLD = 500, 5000
# A book repeats the same sections, seats and notes, so the results of escaping them are cached.
_REMEMBERED = 4096
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Staged(NamedTuple):
    """What was read of a file: the number of its rows and of its refused rows, and its events.

    The column `listing` has the position of the row's event in `events`. `as_of` is the earliest
    moment that a row states, or None where no row states one.
    """

    read: int
    refused: int
    events: list[Listed]
    as_of: datetime | None


def stage(rows: Iterable[Row | RefusedRow], progress: Progress) -> Staged:
    """Copy the rows of a file into the temporary table `incoming`.

    Whatever `rows` raises while the file is read is passed on.
    """
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
        # A small sample is enough, because the plan needs only the size of the table and the keys.
        cursor.execute("SELECT set_config('default_statistics_target', '10', true)")
        cursor.execute("ANALYZE incoming (remote_id, listing)")
    listed = [Listed(*event) for event in events]
    return Staged(read, refused, listed, as_of)


def _line(row: Row, listing: int) -> str:
    """Return a row in the text format of COPY.

    This runs for each row of a large file, so for speed it has no loop over the columns.
    """
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
    """Return a refused row in the text format of COPY: line, id if known, cells and problems."""
    nothing = "\t".join(["{}", _NULL, "0", "", "", _NULL, "", "{}", *[_NULL] * 7])
    # These are not cached: a refused row may have a megabyte, and hardly two are alike.
    cells, problems = (
        _list.__wrapped__(values) for values in (row.cells, tuple(map(str, row.problems)))
    )
    return f"{row.line}\t{_own_id(row.remote_id or '')}\t{nothing}\t0\t{cells}\t{problems}\n"


def _own_id(remote_id: str) -> str:
    return remote_id.replace("\\", "\\\\")  # it has only printable characters and no spaces


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
    """Return a PostgreSQL array literal with each element in quotes, escaped for COPY."""
    quoted = [f'"{_quoted(str(value))}"' for value in values]
    return f"{{{','.join(quoted)}}}".translate(_ESCAPES)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
