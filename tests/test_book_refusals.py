"""Rows that are refused, with the problems that are said of each."""

import pytest

from inventory.book import Problem, RefusedRow, Row
from tests.support.book_files import ROWS, book_of, refused, row_of, text_of
from tests.support.spoilt_rows import AMOUNT, DATE, DAY, QUANTITY, REMOTE_ID, TIME

HEADER, LINE = (line + b"\n" for line in text_of(ROWS["tevo"]).splitlines())


def with_notes(notes: bytes) -> bytes:
    return LINE.replace(b"Aisle seats", notes)


def test_refused_row_names_line_cells_and_all_problems() -> None:
    bad = row_of("tevo", Quantity="0", EventDate="27/02/2027", Section="", Cost="-5")
    good, wrong, other = book_of(
        text_of(ROWS["tevo"], bad | {"TicketID": "2"}, row_of("tevo", TicketID="3"))
    )
    assert isinstance(good, Row)
    assert isinstance(other, Row)
    assert wrong == RefusedRow(
        line=3,
        remote_id="2",
        cells=tuple((bad | {"TicketID": "2"}).values()),
        problems=(
            Problem(
                "EventDate", "27/02/2027", "must be a day of the calendar: mm/dd/yyyy or yyyy-mm-dd"
            ),
            Problem("Quantity", "0", "must be a whole number from 1 to 100,000"),
            Problem("Section", "", "must not be empty"),
            Problem("Cost", "-5", "must not be negative"),
        ),
    )


LIST = "must be a list of seats such as 7,8, each of up to 16 characters"
STOCK = (
    "must be one of ELECTRONIC, HARD, MOBILE_TRANSFER, MOBILE_SCREENCAP, PAPERLESS, "
    "PAPERLESS_CARD, FLASH, or empty"
)
SPLIT = "must be ANY, NONE, NEVERLEAVEONE, PAIRS, CUSTOM or DEFAULT"


@pytest.mark.parametrize(
    ("form", "changes", "problem"),
    [
        ("tevo", {"TicketID": ""}, f"TicketID “” {REMOTE_ID}"),
        ("tevo", {"TicketID": "a b"}, f"TicketID “a b” {REMOTE_ID}"),
        ("tevo", {"TicketID": "a/b"}, f"TicketID “a/b” {REMOTE_ID}"),
        ("sync", {"inventory_id": "é1"}, f"inventory_id “é1” {REMOTE_ID}"),
        ("sync", {"inventory_id": "1" * 129}, f"inventory_id “{'1' * 80}…” {REMOTE_ID}"),
        (
            "tevo",
            {"TicketID": "6.001E+08"},
            (
                "TicketID “6.001E+08” was rounded by a spreadsheet: format the column as text "
                "before the file is saved"
            ),
        ),
        ("tevo", {"Event": ""}, "Event “” must not be empty"),
        ("tevo", {"Venue": "NULL"}, "Venue “NULL” must not be empty"),
        ("sync", {"row": "  "}, "row “” must not be empty"),
        ("tevo", {"Event": "a\x07b"}, "Event “a\x07b” must not contain control characters"),
        ("tevo", {"EventDate": ""}, "EventDate “” must not be empty: mm/dd/yyyy, or TBA"),
        ("tevo", {"EventDate": "2/27/27"}, f"EventDate “2/27/27” {DATE}"),
        ("classic", {"EventDate": "27/02/2027"}, f"EventDate “27/02/2027” {DAY}"),
        ("sync", {"event_date": "2027-02-30"}, f"event_date “2027-02-30” {DAY}"),
        (
            "sync",
            {"event_date": "2027-02-27T19:30:00Z"},
            f"event_date “2027-02-27T19:30:00Z” {TIME}",
        ),
        (
            "tevo",
            {"EventDate": "11/24/2036"},
            "EventDate “11/24/2036” must not be more than 10 years ahead",
        ),
        ("tevo", {"EventTime": "25:00"}, f"EventTime “25:00” {TIME}"),
        ("tevo", {"EventTime": "13:05PM"}, f"EventTime “13:05PM” {TIME}"),
        ("tevo", {"EventTime": "evening"}, f"EventTime “evening” {TIME}"),
        (
            "tevo",
            {"EventDate": "TBA"},
            "EventTime “7:30PM” must be empty or TBA while the date is to be announced",
        ),
        ("tevo", {"Quantity": ""}, f"Quantity “” {QUANTITY}"),
        ("tevo", {"Quantity": "-2"}, f"Quantity “-2” {QUANTITY}"),
        ("tevo", {"Quantity": "2.5"}, f"Quantity “2.5” {QUANTITY}"),
        ("tevo", {"Quantity": "100001"}, f"Quantity “100001” {QUANTITY}"),
        ("tevo", {"Quantity": "5"}, "SeatThru “10” makes 4 seats, but the quantity is 5"),
        ("sync", {"quantity": "3"}, "seats “7,8,9,10” makes 4 seats, but the quantity is 3"),
        (
            "tevo",
            {"SeatThru": "7"},
            "SeatThru “7” makes 1 seat, but the quantity is 4",
        ),
        ("tevo", {"SeatThru": ""}, "SeatThru “” is missing, while the quantity is 4"),
        ("tevo", {"SeatFrom": "*"}, "SeatFrom “*” is missing, while the last seat is given"),
        ("tevo", {"SeatThru": "4"}, "SeatThru “4” must be above the first seat, 7"),
        (
            "tevo",
            {"SeatFrom": "A7", "SeatThru": "B10"},
            "SeatThru “B10” must be a number behind the letters of the first seat, A7",
        ),
        (
            "tevo",
            {"SeatFrom": "7,8", "SeatThru": "7,10"},
            "SeatFrom “7,8” must be one seat, of up to 16 characters",
        ),
        (
            "tevo",
            {"SeatThru": "5006", "Quantity": "5000"},
            "SeatThru “5006” makes 5,000 seats, and at most 1,000 are numbered",
        ),
        ("sync", {"seats": "7,8,8,9"}, "seats “7,8,8,9” lists seat 8 twice"),
        ("sync", {"seats": "7,07", "quantity": "2"}, "seats “7,07” lists seat 7 twice"),
        ("sync", {"seats": "7" * 17, "quantity": "1"}, f"seats “{'7' * 17}” {LIST}"),
        ("sync", {"seats": ",", "quantity": "1"}, f"seats “,” {LIST}"),
        ("tevo", {"Cost": ""}, "Cost “” must not be empty: an amount such as 1600.00 or $1,600.00"),
        ("tevo", {"Cost": "free"}, f"Cost “free” {AMOUNT}"),
        ("tevo", {"Cost": "€40"}, f"Cost “€40” {AMOUNT}"),
        ("tevo", {"Cost": "1,60,0"}, f"Cost “1,60,0” {AMOUNT}"),
        ("tevo", {"Cost": "9" * 30}, f"Cost “{'9' * 30}” {AMOUNT}"),
        ("tevo", {"Cost": "nan"}, f"Cost “nan” {AMOUNT}"),
        ("tevo", {"Cost": "$-5.00"}, "Cost “$-5.00” must not be negative"),
        ("tevo", {"Cost": "(5.00)"}, "Cost “(5.00)” must not be negative"),
        ("tevo", {"Cost": "1000000.01"}, "Cost “1000000.01” must be at most 1,000,000"),
        (
            "tevo",
            {"Cost": "1.600"},
            "Cost “1.600” could be 1600 or 1.60: write two decimals, such as 1600.00",
        ),
        ("classic", {"Unit List Price": "?"}, f"Unit List Price “?” {AMOUNT}"),
        ("sync", {"face_price": "-1"}, "face_price “-1” must not be negative"),
        ("classic", {"SplitType": "sometimes"}, f"SplitType “sometimes” {SPLIT}"),
        (
            "classic",
            {"SplitType": "AvoidOneAndThree"},
            (
                "SplitType “AvoidOneAndThree” is not supported, and any other rule would allow "
                "what it forbids: choose NONE, PAIRS, NEVERLEAVEONE or a CUSTOM list"
            ),
        ),
        (
            "classic",
            {"SplitValue": ""},
            "SplitValue “” must list the quantities of the custom split, such as 2,4",
        ),
        (
            "classic",
            {"SplitValue": None},
            "SplitType “CUSTOM” must list the quantities of the custom split, such as 2,4",
        ),
        (
            "sync",
            {"custom_split": "2,0"},
            "custom_split “2,0” must be a list of quantities such as 2,4",
        ),
        ("sync", {"stock_type": "Guest_list"}, f"stock_type “Guest_list” {STOCK}"),
        ("sync", {"in_hand": "soon"}, "in_hand “soon” must be Y or N"),
        ("sync", {"in_hand_date": ""}, "in_hand “N” is N, so an in-hand date is needed"),
        ("classic", {"InHandDate": "soon"}, f"InHandDate “soon” {DATE}"),
        ("classic", {"Broadcast": "maybe"}, "Broadcast “maybe” must be Y or N"),
        (
            "tevo",
            {"Notes": "n" * 1001},
            f"Notes “{'n' * 80}…” must be at most 1000 characters, and has 1001",
        ),
    ],
)
def test_row_that_is_refused(form: str, changes: dict[str, str | None], problem: str) -> None:
    assert refused(form, **changes) == [problem]


def test_second_row_with_a_remote_id_is_refused_even_if_the_first_was() -> None:
    one, bad, two = (
        row_of("tevo"),
        row_of("tevo", TicketID="2", Row=""),
        row_of("tevo", TicketID="2"),
    )
    first, second, third, fourth = book_of(text_of(one, bad, two, one | {"Quantity": "x"}))
    assert isinstance(first, Row)
    assert isinstance(second, RefusedRow)
    assert isinstance(third, RefusedRow)
    assert isinstance(fourth, RefusedRow)
    assert list(map(str, third.problems)) == ["TicketID “2” is in line 3 already"]
    assert list(map(str, fourth.problems)) == [
        f"Quantity “x” {QUANTITY}",
        "TicketID “600100000” is in line 2 already",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            with_notes(b"Aisle,seats"),
            (
                "has 13 cells, and the header has 12. They are divided by commas: "
                "is one in a cell with no quotes around it?"
            ),
        ),
        (b"Hamilton,x\n", "has 2 cells, and the header has 12"),
        (b"Hamilton\n", "has 1 cell, and the header has 12"),
        (
            with_notes(b'"the "best" seats"'),
            "has a quote in the middle of a quoted cell: write two for one",
        ),
    ],
)
def test_line_that_cannot_be_cut_into_cells(line: bytes, problem: str) -> None:
    wrong, good = book_of(HEADER + line + LINE)
    assert isinstance(wrong, RefusedRow)
    assert (wrong.line, wrong.remote_id) == (2, None)
    assert list(map(str, wrong.problems)) == [problem]
    assert b",".join(map(str.encode, wrong.cells)) == line.rstrip()
    assert isinstance(good, Row)
    assert good.line == 3
