"""Small books for tests: one good row of each format, in which a test changes what it is about."""

import csv
import io
from datetime import date
from typing import Any

from inventory.book import Book, RefusedRow, Row, open_book

TODAY = date(2026, 11, 23)

EXCHANGE = {
    "Event": "Hamilton",
    "Venue": "Richard Rodgers Theatre",
    "EventDate": "02/27/2027",
    "EventTime": "7:30PM",
    "Quantity": "4",
    "Section": "Mezz Center",
    "Row": "BB",
    "SeatFrom": "7",
    "SeatThru": "10",
    "Notes": "Aisle seats",
}
ROWS: dict[str, dict[str, str]] = {
    "tevo": EXCHANGE | {"Cost": "422.46", "TicketID": "600100000"},
    "classic": EXCHANGE
    | {
        "Cost": "$320.38",
        "Unit List Price": "$1,422.46",
        "TicketID": "600100000",
        "InHandDate": "02/20/2027",
        "SplitType": "CUSTOM",
        "SplitValue": "2:4",
        "StockType": "MOBILE_TRANSFER",
        "Broadcast": "Y",
    },
    "sync": {
        "inventory_id": "600100000",
        "event_name": "Hamilton",
        "venue_name": "Richard Rodgers Theatre",
        "event_date": "2027-02-27T19:30:00",
        "quantity": "4",
        "section": "Mezz Center",
        "row": "BB",
        "seats": "7,8,9,10",
        "internal_notes": "",
        "public_notes": "Aisle seats",
        "list_price": "1422.46",
        "face_price": "199.0",
        "cost": "320.38",
        "in_hand": "N",
        "in_hand_date": "2027-02-20",
        "split_type": "CUSTOM",
        "custom_split": "2,4",
        "stock_type": "MOBILE_TRANSFER",
    },
}


def row_of(form: str, **changes: str | None) -> dict[str, str]:
    """The good row of a format with changes; None takes the column away. `_` stands for a space."""
    cells: dict[str, str | None] = {**ROWS[form]}
    for header, cell in changes.items():
        cells[header if header in cells else header.replace("__", " ")] = cell
    return {header: cell for header, cell in cells.items() if cell is not None}


def text_of(*rows: dict[str, str], **dialect: Any) -> bytes:
    """Rows as a file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **{"lineterminator": "\n", **dialect})
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def book_of(content: bytes, form: str | None = None) -> Book:
    """The book in these bytes, on the tests' day."""
    return open_book(io.BytesIO(content), format=form, today=TODAY)


def good_rows(content: bytes, form: str | None = None) -> list[Row]:
    """All rows; none may be refused."""
    rows = list(book_of(content, form))
    assert [row.problems for row in rows if isinstance(row, RefusedRow)] == []
    return [row for row in rows if isinstance(row, Row)]


def good(form: str, **changes: str | None) -> Row:
    """The one row of a book with the good row of a format, changed."""
    (row,) = good_rows(text_of(row_of(form, **changes)))
    return row


def refused(form: str, **changes: str | None) -> list[str]:
    """The problems of that row, as sentences."""
    (row,) = book_of(text_of(row_of(form, **changes)))
    assert isinstance(row, RefusedRow)
    assert row.line == 2
    return [str(problem) for problem in row.problems]
