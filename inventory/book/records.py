"""The records of a CSV text: its lines cut into cells."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from inventory.book.formats import KNOWN, normalised
from inventory.book.lines import LONGEST, BookError, Lines, open_quote

# Each column of the header is compared with each name that a format knows.
MOST_COLUMNS = 1000
# A cell over LONGEST_CELL refuses its row by name. The csv module's own limit, which is one for
# the whole process, is put where a record is refused anyway, so that it never applies first.
csv.field_size_limit(LONGEST)
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
OTHER_DELIMITERS = "|:~^"  # seen elsewhere, and not taken here


class Broken(NamedTuple):
    """A line that cannot be cut into cells: the line, and why."""

    text: str
    why: str


class Records:
    """The header row, and then the other records one by one, each with its first line.

    Blank lines are passed over. Raises BookError for a file that is cut, or whose quotes run from
    one row into others: what was swallowed so is lost, and would seem to be gone from the book.
    """

    def __init__(self, lines: Lines) -> None:
        self._pending = lines.pending
        self._lines = iter(lines)
        header = next((line for line in self._lines if line.strip()), None)
        if header is None:
            raise BookError("The file is empty. A book begins with its column names.")
        self.headers, self.delimiter = self._cut_header(header)
        self._lines_before = len(self._pending)
        self._pending.clear()

    def __iter__(self) -> Iterator[tuple[int, list[str] | Broken]]:
        pending = self._pending
        reader = csv.reader(
            self._lines, delimiter=self.delimiter, strict=True, skipinitialspace=True
        )
        while True:
            try:
                for cells in reader:
                    line = self._lines_before + reader.line_num - len(pending) + 1
                    if len(cells) < len(self.headers):
                        self._refuse_cut(line)
                    if cells:
                        yield line, cells
                    pending.clear()
            except csv.Error:
                line = self._lines_before + reader.line_num - len(pending) + 1
                yield line, self._broken(line)
                pending.clear()
            else:
                return

    def _cut_header(self, header: str) -> tuple[list[str], str]:
        """The headers, by the delimiter that gives most of those that are known."""
        best: tuple[int, list[str], str] | None = None
        for delimiter in (*DELIMITERS, *OTHER_DELIMITERS):
            try:
                (cells,) = csv.reader(
                    [header], delimiter=delimiter, strict=True, skipinitialspace=True
                )
            except csv.Error:
                continue
            known = sum(normalised(cell) in KNOWN for cell in cells)
            if best is None or known > best[0]:
                best = known, cells, delimiter
        if best is None:
            raise BookError(
                f"The header row, in line {len(self._pending)}, has a quote that is not closed, "
                "or one in the middle of a cell."
            )
        if best[2] in OTHER_DELIMITERS:
            raise BookError(
                f"The columns are divided by “{best[2]}”. Divide them by commas, semicolons or "
                "tabs."
            )
        headers = [cell.strip() for cell in best[1]]
        while headers and not headers[-1]:
            headers.pop()
        if len(headers) > MOST_COLUMNS:
            raise BookError(
                f"The header row has {len(headers):,} columns, and at most {MOST_COLUMNS:,} are "
                "read. Is this a CSV file with its column names in the first row?"
            )
        return headers, best[2]

    def _refuse_cut(self, line: int) -> None:
        last = self._pending[-1]
        if last.strip() and not last.endswith(("\r", "\n")):
            raise BookError(
                f"The file ends in the middle of a row, which begins in line {line}. "
                "It was cut on its way: get it again."
            )

    def _broken(self, line: int) -> Broken:
        opened = open_quote(self._pending, self.delimiter)
        if opened is not None:
            raise BookError(
                f"The quote that opens in line {line + opened} is not closed. "
                "Close it, or get the file again if it was cut on its way."
            )
        if len(self._pending) > 1:
            last = line + len(self._pending) - 1
            raise BookError(
                f"The row that begins in line {line} runs on to line {last}, where a quote stands "
                "in the middle of a cell. Close the quote, or write two for one that is meant."
            )
        text = self._pending[0].rstrip("\r\n")
        return Broken(text, "has a quote in the middle of a quoted cell: write two for one")
