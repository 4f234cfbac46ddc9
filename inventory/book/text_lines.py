"""Reads the lines of a file that should be UTF-8 text, in blocks, so that memory use is bounded."""

import io
import re
from collections.abc import Iterator
from typing import Protocol

BLOCK = 1 << 18  # bytes
LONGEST = 1 << 20  # the most bytes of a line, and the most characters of a record

SAVE_AS = "Save it as UTF-8 (in Excel: “CSV UTF-8”) and try again."
# Other files that people upload instead of a CSV file, by their first bytes.
OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or a zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"\x1f\x8b": "a gzip file",
    b"%PDF": "a PDF file",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


class Readable(Protocol):
    """What a book is read from, such as a file opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and no bytes at the end of the file."""


class BookError(Exception):
    """Raised when a file cannot be read as a book. The text says what is wrong and what to do."""


class Lines:
    """Iterates over the lines of `stream`, with their line ends, which are LF, CRLF or CR.

    `pending` has the lines since the user of the iterator last cleared it, which are the lines of
    the record that is being read.

    Raises:
        BookError: the file is not UTF-8, has a NUL byte, or a line or a record is too long.
    """

    def __init__(self, stream: Readable) -> None:
        self.pending: list[str] = []
        self._stream = stream
        self._lines_before = 0

    def __iter__(self) -> Iterator[str]:
        pending = self.pending
        for block in self._blocks():
            self._refuse_endless_record()
            text = self._decoded(block)
            for line in io.StringIO(text, newline=""):
                pending.append(line)
                yield line
            self._lines_before += line_ends(text)

    def _blocks(self) -> Iterator[bytes]:
        """Return the file in blocks of whole lines."""
        rest = self._stream.read(BLOCK)
        for magic, kind in OTHER_FILES.items():
            if rest.startswith(magic):
                raise BookError(f"This is {kind}, not a CSV file. {SAVE_AS}")
        rest = rest.removeprefix(b"\xef\xbb\xbf")
        while read := self._stream.read(BLOCK):
            # A CR at the very end may be the first half of a CRLF, so it waits for the next read.
            end = max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, -1)) + 1
            if end:
                yield rest[:end]
            rest = rest[end:] + read
            self._refuse_long_line(rest)
        self._refuse_long_line(rest)
        if rest:
            yield rest

    def _refuse_long_line(self, rest: bytes) -> None:
        # A block is shorter than the limit, so only the first line can exceed it.
        if len(rest) > LONGEST and not re.search(rb"[\r\n]", rest[:LONGEST]):
            raise BookError(
                f"Line {self._lines_before + 1} is longer than 1 MB. "
                "Is this a CSV file with one ticket group on each line?"
            )

    def _refuse_endless_record(self) -> None:
        if sum(map(len, self.pending)) > LONGEST:
            first = self._lines_before - len(self.pending) + 1
            raise BookError(
                f"The row that begins in line {first} is longer than 1 MB. "
                "Is a quote in it opened and not closed?"
            )

    def _decoded(self, block: bytes) -> str:
        if (nul := block.find(b"\0")) >= 0:
            line, _ = self._where(block, nul)
            raise BookError(
                f"Line {line} contains a NUL byte, which no text has. "
                f"The file is damaged or in UTF-16. {SAVE_AS}"
            )
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line, byte = self._where(block, error.start)
            wrong = f"0x{block[error.start]:02x}"
            raise BookError(
                f"Line {line} is not UTF-8: byte {byte} of it is {wrong}. {SAVE_AS}"
            ) from None

    def _where(self, block: bytes, position: int) -> tuple[int, int]:
        """Return the line of a position in the block, and the byte in that line, both from 1."""
        lines = block[: position + 1].splitlines()
        return self._lines_before + len(lines), len(lines[-1])


def open_quote(lines: list[str], delimiter: str) -> int | None:
    """Return the index of the line that opens a quote which no line closes, or None."""
    text = "".join(lines)
    quoted = r' *"[^"]*+(?:""[^"]*+)*+(?:(?P<closed>")|\Z)'
    for cell in re.finditer(rf"{quoted}|[{delimiter}\r\n]|[^{delimiter}\r\n]+", text):
        if cell[0].lstrip(" ").startswith('"') and not cell["closed"]:
            return line_ends(text[: cell.start()])
    return None


def line_ends(text: str) -> int:
    """Return how many line ends `text` has, which are LF, CRLF or CR."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")
