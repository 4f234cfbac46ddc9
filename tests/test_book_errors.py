"""Files that cannot be read as a book, and what is said of them."""

import io

import pytest

from inventory.book import BookError, Row, open_book
from tests.support.book_files import ROWS, TODAY, book_of, row_of, text_of

HEADER, LINE = (line + b"\n" for line in text_of(ROWS["tevo"]).splitlines())
SYNC_HEADER = text_of(ROWS["sync"]).splitlines()[0] + b"\n"


def with_notes(notes: bytes) -> bytes:
    return LINE.replace(b"Aisle seats", notes)


def without(form: str, *headers: str) -> bytes:
    return text_of(row_of(form, **dict.fromkeys(headers)))


SAVE_AS = "Save it as UTF-8 (in Excel: “CSV UTF-8”) and try again."
NOT_CLOSED = "is not closed. Close it, or get the file again if it was cut on its way."


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "The file is empty. A book begins with its column names."),
        (b"\xef\xbb\xbf\r\n\n", "The file is empty. A book begins with its column names."),
        (
            LINE,
            (
                "The first row has no header that is known: it is “Hamilton, Richard Rodgers "
                "Theatre, 02/27/2027, 7:30PM, 4, Me”. A book begins with its column names, "
                "such as Event, Venue, EventDate, Quantity."
            ),
        ),
        (
            b",,\n1,2,3\n",
            (
                "The first row has no header that is known: it is “”. A book begins with its "
                "column names, such as Event, Venue, EventDate, Quantity."
            ),
        ),
        (
            without("tevo", "Quantity"),
            "The file lacks the column Quantity, which the tevo format needs.",
        ),
        (
            without("tevo", "SeatFrom", "SeatThru"),
            "The file lacks the columns SeatFrom, SeatThru, which the tevo format needs.",
        ),
        (
            without("classic", "TicketID", "EventTime"),
            "The file lacks the columns EventTime, TicketID, which the classic format needs.",
        ),
        (
            without("classic", "Cost", "Unit List Price"),
            "The file lacks the column UnitListPrice, which the classic format needs.",
        ),
        (
            without("sync", "list_price", "seats"),
            "The file lacks the columns list_price, Seats, which the sync format needs.",
        ),
        (
            text_of(row_of("tevo", Seat__From="7")),
            "The columns “SeatFrom” and “Seat From” say the same. Keep one of them.",
        ),
        (
            text_of(row_of("classic", ListPrice="7", Price="8")),
            (
                "The columns “Unit List Price” and “ListPrice” and “Price” say the same. "
                "Keep one of them."
            ),
        ),
        (
            b'"Event,Venue\n' + LINE,
            (
                "The header row, in line 1, has a quote that is not closed, "
                "or one in the middle of a cell."
            ),
        ),
        ("Event,Venue".encode("utf-16"), f"This is text in UTF-16, not a CSV file. {SAVE_AS}"),
        (
            b"PK\x03\x04\x14\x00",
            f"This is an Excel workbook (.xlsx) or a zip file, not a CSV file. {SAVE_AS}",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            f"This is an old Excel workbook (.xls), not a CSV file. {SAVE_AS}",
        ),
        (b"\x1f\x8b\x08", f"This is a gzip file, not a CSV file. {SAVE_AS}"),
        (b"%PDF-1.7", f"This is a PDF file, not a CSV file. {SAVE_AS}"),
        (
            "Event,Venue".encode("utf-16-le"),
            (
                "Line 1 contains a NUL byte, which no text has. "
                f"The file is damaged or in UTF-16. {SAVE_AS}"
            ),
        ),
        (
            HEADER + LINE + with_notes(b"\0"),
            (
                "Line 3 contains a NUL byte, which no text has. "
                f"The file is damaged or in UTF-16. {SAVE_AS}"
            ),
        ),
        (
            HEADER + LINE + with_notes("Beyoncé".encode("latin-1")),
            f"Line 3 is not UTF-8: byte 80 of it is 0xe9. {SAVE_AS}",
        ),
        (
            HEADER + LINE + b"x" * 10_000_000 + b"\n" + LINE,
            "Line 3 is longer than 1 MB. Is this a CSV file with one ticket group on each line?",
        ),
        (
            HEADER + LINE + b'"x\n",' * 400_000,
            (
                "The row that begins in line 3 is longer than 1 MB. "
                "Is a quote in it opened and not closed?"
            ),
        ),
        (
            HEADER + LINE + with_notes(b'"Aisle') + LINE,
            f"The quote that opens in line 3 {NOT_CLOSED}",
        ),
        (
            HEADER + with_notes(b'"a\nb","c\n').replace(b"\n", b"\r\n") + LINE,
            f"The quote that opens in line 3 {NOT_CLOSED}",
        ),
        (
            HEADER + with_notes(b'"Aisle') + LINE * 2000,
            f"The quote that opens in line 2 {NOT_CLOSED}",
        ),
        (
            HEADER + with_notes(b'"Aisle') + LINE * 2 + with_notes(b'"Limited view"'),
            (
                "The row that begins in line 2 continues to line 5, which has a quote in the "
                "middle of a cell. Close the quote, or write two for one that is meant."
            ),
        ),
        (
            (HEADER + LINE + with_notes(b'"Limited view"'))[:-20],
            f"The quote that opens in line 3 {NOT_CLOSED}",
        ),
        (
            (HEADER + LINE + LINE)[:-30],
            (
                "The file ends in the middle of a row, which begins in line 3. "
                "It was cut on its way: get it again."
            ),
        ),
    ],
)
def test_book_that_cannot_be_read(content: bytes, error: str) -> None:
    with pytest.raises(BookError) as raised:
        list(book_of(content))
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (
            "sync",
            (
                "The file lacks the columns inventory_id, event_name, venue_name, "
                "list_price, which the sync format needs."
            ),
        ),
        ("excel", "There is no format “excel”. The formats are sync, tevo, classic."),
    ],
)
def test_book_of_another_format_than_said(form: str, error: str) -> None:
    with pytest.raises(BookError) as raised:
        book_of(HEADER + LINE, form)
    assert str(raised.value) == error


def test_format_that_is_said_decides() -> None:
    content = text_of(ROWS["classic"])
    (row,) = book_of(content, "tevo")
    assert isinstance(row, Row)
    assert str(row.price) == "320.38"


def test_error_far_down_names_its_line() -> None:
    content = HEADER
    content += b"".join(LINE.replace(b"600100000", b"%d" % i) for i in range(20_000))
    book = iter(open_book(io.BytesIO(content + b"\xff\n"), today=TODAY))
    with pytest.raises(BookError, match=r"^Line 20002 is not UTF-8: byte 1 of it is 0xff\."):
        list(book)
