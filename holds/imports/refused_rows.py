"""Writes the refused rows of an import to a CSV file that can be corrected and uploaded again."""

import csv
from collections.abc import Callable, Iterator

from django.utils.timezone import localdate

from inventory.book import FORMATS, Row, defused
from inventory.book.date_cells import written_as_of
from inventory.book.formats import AS_OF
from inventory.book.writer import Cell, shapes
from inventory.models.imports import Import, ImportRow, Quantities, Verdict

# No format has such columns, so they are ignored when the file is imported.
OWN_HEADERS = ("Line", "Reasons")
BYTE_ORDER_MARK = "\ufeff"  # tells spreadsheets that the file is in UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 1000


def refused_rows(job: Import) -> Iterator[str]:
    """Yield the lines of the file: each refused row under its own headers, with the reasons.

    The rows are read in batches, so that memory stays flat.
    """
    line = csv.writer(_Line())
    # A corrected row is of the same moment as the file from which it comes.
    dated = job.quantities == Quantities.FREE and "as_of" not in job.fields
    own = (*OWN_HEADERS, AS_OF.header) if dated else OWN_HEADERS
    yield BYTE_ORDER_MARK + line.writerow([*own, *map(_harmless, job.headers)])
    if not job.format:
        return  # a file that could not be read has no rows
    written = _writing(job)
    moment = [written_as_of(job.as_of)] if dated else []
    last = 0
    refused = job.rows.filter(verdict=Verdict.REFUSED).order_by("id")
    while rows := list(refused.filter(id__gt=last)[:_AT_ONCE]):
        last = rows[-1].id
        for row in rows:
            cells = [_harmless(cell) for cell in row.cells] if row.cells else written(row)
            yield line.writerow([row.line, defused("; ".join(row.problems)), *moment, *cells])


class _Line:
    """A file-like object for csv.writer whose `write` returns the line."""

    def write(self, text: str) -> str:
        return text


def _harmless(cell: str) -> str:
    """Return a cell with an apostrophe in front if a spreadsheet would run it as a formula.

    An import reads the cell as before. `defused` is meant for text fields: it would also change
    blanks and rounded numbers into text.
    """
    cell = cell.strip()
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _writing(job: Import) -> Callable[[ImportRow], list[str]]:
    """Return a function that writes the cells of a row that was refused because of a claim.

    The original cells of such a row are not kept, so they are written from its fields.
    """
    facts = _cells(job.format)
    positions, _ = FORMATS[job.format].positions(job.headers)
    found = {position: facts[fact] for fact, position in positions.items() if fact in facts}
    cells = [found.get(position, _nothing) for position in range(len(job.headers))]
    return lambda row: [cell(_as_read(row, job)) for cell in cells]


def _cells(form: str) -> dict[str, Cell]:
    """Return how each field is written in a format. The classic format uses those of the others."""
    every = shapes(localdate())
    facts: dict[str, Cell] = {}
    for name in ("sync", form if form in every else "tevo"):
        headers = list(every[name])
        positions, _ = FORMATS[name].positions(headers)
        facts |= {fact: every[name][headers[at]] for fact, at in positions.items()}
    return facts


def _nothing(row: Row) -> str:
    return ""


def _as_read(row: ImportRow, job: Import) -> Row:
    of = {"as_of": job}
    values = {name: getattr(of.get(name, row), name) for name in Row.__annotations__}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Row(**{**values, **lists})
