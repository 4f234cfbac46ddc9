"""The refused rows of an import as a CSV file, to be corrected there and uploaded again."""

import csv
from collections.abc import Callable, Iterator

from django.utils.timezone import localdate

from inventory.book import FORMATS, Row, defused
from inventory.book.dates import written_as_of
from inventory.book.formats import AS_OF
from inventory.book.writer import Cell, shapes
from inventory.models.imports import Import, ImportRow, Quantities, Verdict

# No format has such columns: a reader of books passes over them.
OWN_HEADERS = ("Line", "Reasons")
BYTE_ORDER_MARK = "\ufeff"  # by which spreadsheets know UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 1000


def refused_rows(job: Import) -> Iterator[str]:
    """The lines of the file: why each row was refused, and the row under the file's own headers.

    Read in batches, so that memory stays flat.
    """
    line = csv.writer(_Line())
    # What is corrected and uploaded later is as old as the file that it comes from.
    dated = job.quantities == Quantities.FREE and "as_of" not in job.fields
    own = (*OWN_HEADERS, AS_OF.header) if dated else OWN_HEADERS
    yield BYTE_ORDER_MARK + line.writerow([*own, *map(_harmless, job.headers)])
    if not job.format:
        return  # of a file that could not be read there are no rows
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
    """A file for csv.writer that hands back each line."""

    def write(self, text: str) -> str:
        return text


def _harmless(cell: str) -> str:
    """A cell as it stood: what a spreadsheet would run is defused, and all of it reads as before.

    `defused` itself is for texts: it would make a text of a blank, or of a number that was rounded.
    """
    cell = cell.strip()
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _writing(job: Import) -> Callable[[ImportRow], list[str]]:
    """How to write a row that could be read and was refused for a claim: its cells are not kept."""
    facts = _cells(job.format)
    positions, _ = FORMATS[job.format].positions(job.headers)
    found = {position: facts[fact] for fact, position in positions.items() if fact in facts}
    cells = [found.get(position, _nothing) for position in range(len(job.headers))]
    return lambda row: [cell(_as_read(row, job)) for cell in cells]


def _cells(form: str) -> dict[str, Cell]:
    """How each fact is written in a format; the classic file's are those of the other two."""
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
