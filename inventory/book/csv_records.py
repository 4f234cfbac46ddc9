"""Splits the lines of a CSV text into records and their cells."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from inventory.book.formats import KNOWN, normalised
from inventory.book.text_lines import LONGEST, BookError, Lines, open_quote

# The most columns of a header row: each of them is compared with each name that a format knows.
MOST_COLUMNS = 1000
# A row with a cell longer than LONGEST_CELL is refused with a message. The csv module's own limit,
# which is global to the process, is set so high that a record is refused before it applies.
csv.field_size_limit(LONGEST)
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
OTHER_DELIMITERS = "|:~^"  # recognised only to refuse them with a message


class Broken(NamedTuple):
    """A line that cannot be split into cells, and the reason."""

    text: str
    why: str


class Records:
    """Iterates over the records after the header row, each with the number of its first line.

    Blank lines are skipped.

    Raises:
        BookError: the file is empty, is cut off, or has a quote that runs into other rows. Those
            rows would be lost and would seem to have vanished from the book.
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
        """Split the header row by the delimiter that gives the most known headers."""
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
                f"The row that begins in line {line} continues to line {last}, which has a quote "
                "in the middle of a cell. Close the quote, or write two for one that is meant."
            )
        text = self._pending[0].rstrip("\r\n")
        return Broken(text, "has a quote in the middle of a quoted cell: write two for one")
