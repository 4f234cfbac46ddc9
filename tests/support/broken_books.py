"""The sample books, and every way in which one gets broken as a whole."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOOKS = Path(__file__).parent.parent / "books"
FORMATS = ("tevo", "sync", "classic")
ROWS = 12  # of each sample


def named(text: str) -> dict[str, str]:
    """What a book calls its facts. `day` is a date alone, `moment` one with its time."""
    return dict(pair.split("=") for pair in " ".join(text.split()).split(", "))


EXCHANGE = named("""
    remote_id=TicketID, event=Event, venue=Venue, date=EventDate, day=EventDate, time=EventTime,
    quantity=Quantity, section=Section, row=Row, first=SeatFrom, last=SeatThru, notes=Notes,
    price=Cost
""")
HEADERS = {
    "tevo": EXCHANGE,
    "classic": EXCHANGE
    | named("""
        first=Seat From, last=Seat Thru, price=Unit List Price, cost=Cost, split=SplitType,
        sizes=SplitValue, stock=StockType, due=InHandDate
    """),
    "sync": named("""
        remote_id=inventory_id, event=event_name, venue=venue_name, date=event_date,
        moment=event_date, quantity=quantity, section=section, row=row, seats=seats,
        notes=public_notes, price=list_price, face=face_price, cost=cost, split=split_type,
        sizes=custom_split, stock=stock_type, in_hand=in_hand, due=in_hand_date
    """),
}


class Sample:
    """The first rows of a sample book, as bytes that can be spoilt."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.names = HEADERS[form]
        self.lines = (BOOKS / f"{form}.csv").read_bytes().splitlines(keepends=True)[: ROWS + 1]
        self.table = list(csv.reader(self.content.decode("utf-8-sig").splitlines()))

    @property
    def content(self) -> bytes:
        return b"".join(self.lines)

    def with_line(self, change: Callable[[bytes], bytes], at: int = 1) -> bytes:
        """The book with one of its lines changed; 0 is the header."""
        return b"".join(
            change(line) if number == at else line for number, line in enumerate(self.lines)
        )

    def with_cells(self, cells: dict[str, str], at: int = 1) -> bytes:
        """The book with other cells in one of its rows, by fact."""
        table = [list(row) for row in self.table]
        for fact, cell in cells.items():
            table[at][table[0].index(self.names[fact])] = cell
        return self.written(table)

    def without(self, *facts: str) -> bytes:
        """The book without some columns."""
        gone = {self.table[0].index(self.names[fact]) for fact in facts}
        return self.written(
            [[cell for at, cell in enumerate(row) if at not in gone] for row in self.table]
        )

    def written(self, table: list[list[str]], delimiter: str = ",") -> bytes:
        """A table in the way this book is written."""
        text = io.StringIO(newline="")
        dialect: dict[str, Any] = {"delimiter": delimiter, "lineterminator": "\n"}
        if self.form == "tevo":
            dialect["quoting"] = csv.QUOTE_ALL
        csv.writer(text, **dialect).writerows(table)
        mark = b"\xef\xbb\xbf" if self.form == "classic" else b""
        return mark + text.getvalue().encode()


def workbook() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return packed.getvalue()


def text(book: Sample) -> str:
    return book.content.decode("utf-8-sig")


SAVE_AS = "Save it as UTF-8 (in Excel: “CSV UTF-8”) and try again."
NO_HEADER = "The first row has no header that is known"
# What is done to a book as a whole, and what is said of it: a pattern with the names of its facts.
WHOLE: dict[str, tuple[Callable[[Sample], bytes], str]] = {
    "empty": (lambda _: b"", r"^The file is empty\. A book begins with its column names\."),
    "blank lines": (lambda _: b"\n\r\n  \n", r"^The file is empty\."),
    "only the header": (lambda book: book.lines[0], r"^The file has no rows\."),
    "no header": (lambda book: b"".join(book.lines[1:]), f"^{NO_HEADER}"),
    "no remote id": (
        lambda book: book.without("remote_id"),
        r"^The file lacks the column {remote_id}, which the {form} format needs\.",
    ),
    "no quantity": (
        lambda book: book.without("quantity"),
        "^The file lacks the column {quantity},",
    ),
    "no section and row": (
        lambda book: book.without("section", "row"),
        "^The file lacks the columns {section}, {row},",
    ),
    "no event": (lambda book: book.without("event"), "^The file lacks the column {event},"),
    "no date": (lambda book: book.without("date"), "^The file lacks the column {date},"),
    "column twice": (
        lambda book: book.written(
            [[*row, row[book.table[0].index(book.names["quantity"])]] for row in book.table]
        ),
        r"^The columns “{quantity}” and “{quantity}” say the same\. Keep one of them\.",
    ),
    "divided by bars": (
        lambda book: book.written(book.table, "|"),
        r"^The columns are divided by “\|”\. Divide them by commas, semicolons or tabs\.",
    ),
    "web page": (lambda _: b"<!DOCTYPE html>\n<p>Log in, please</p>\n", f"^{NO_HEADER}"),
    "JSON": (lambda _: b'[{"remote_id": "600100000", "quantity": 2}]', f"^{NO_HEADER}|quote"),
    "workbook": (lambda _: workbook(), r"^This is an Excel workbook \(\.xlsx\) or a zip file"),
    "old workbook": (
        lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        r"^This is an old Excel workbook \(\.xls\), not a CSV file\.",
    ),
    "gzip": (lambda book: gzip.compress(book.content), "^This is a gzip file, not a CSV file"),
    "PDF": (lambda _: b"%PDF-1.7\n\xff\xfe", "^This is a PDF file, not a CSV file"),
    "noise": (lambda _: bytes(range(1, 256)), "^Line [0-9]+ is not UTF-8"),
    "UTF-16": (lambda book: text(book).encode("utf-16"), "^This is text in UTF-16, not a CSV"),
    "UTF-16, no mark": (
        lambda book: text(book).encode("utf-16-le"),
        "^Line 1 contains a NUL byte, which no text has",
    ),
    "Latin-1": (
        lambda book: book.with_cells({"event": "Beyoncé"}).replace(b"\xc3\xa9", b"\xe9"),
        "^Line 2 is not UTF-8: byte [0-9]+ of it is 0xe9",
    ),
    "NUL byte": (
        lambda book: book.with_line(lambda line: line.replace(b"2", b"\0", 1), at=7),
        "^Line 8 contains a NUL byte",
    ),
    "line of 10 MB": (
        lambda book: book.with_line(lambda line: line[:-1] + b"x" * 10_000_000 + b"\n", at=3),
        "^Line 4 is longer than 1 MB",
    ),
    "quote that swallows 2 MB": (
        lambda book: book.with_line(lambda _: b'"' + b"Hamilton,x\n" * 200_000, at=3),
        "^The quote that opens in line 4 is not closed",
    ),
    "row without an end": (
        lambda book: book.with_line(lambda _: b'"x\n",' * 400_000, at=3),
        "^The row that begins in line 4 is longer than 1 MB",
    ),
    "cut in the middle of a row": (
        lambda book: b"".join(book.lines[:9]) + b",".join(book.lines[9].split(b",")[:5]),
        r"^The file ends in the middle of a row, which begins in line 10\. .* get it again",
    ),
    "cut in the middle of a quoted cell": (
        lambda book: b"".join(book.lines[:9]) + b'"Cirque du',
        r"^The quote that opens in line 10 is not closed\. Close it, or get the file again",
    ),
    "quote that is not closed": (
        lambda book: book.with_line(lambda line: b'"' + line.replace(b'"', b""), at=4),
        "^The quote that opens in line 5 is not closed|^The row that begins in line 5 continues",
    ),
    "header with a quote that is not closed": (
        lambda book: book.with_line(lambda line: b'"' + line.replace(b'"', b""), at=0),
        "^The header row, in line 1, has a quote that is not closed",
    ),
}
