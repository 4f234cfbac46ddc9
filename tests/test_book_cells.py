"""What single cells say: ids, texts, money, dates, seats, split rules, stock types."""

import datetime as dt

import pytest

from inventory.models import Event, StockType, TicketGroup
from inventory.split_rules import SplitRule
from tests.support.book_files import good, good_rows, refused, row_of, text_of


def test_what_a_spreadsheet_would_run_is_restored() -> None:
    row = good("tevo", Notes="'=1+1", Section="'-5", TicketID="''-x", Event="'n Sync")
    assert (row.public_notes, row.section, row.remote_id) == ("=1+1", "-5", "'-x")
    assert row.event_name == "'n Sync"


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1600", "1600.00"),
        ("$1,600.00", "1600.00"),
        ("1,600", "1600.00"),
        (" $ 1600.5 ", "1600.50"),
        ("1.600,00", "1600.00"),
        ("1600,5", "1600.50"),
        (".5", "0.50"),
        ("0", "0.00"),
        ("82.9199999999", "82.92"),
        ("0.125", "0.13"),
        ("1,000,000.00", "1000000.00"),
    ],
)
def test_money(cell: str, amount: str) -> None:
    assert str(good("tevo", Cost=cell).price) == amount


@pytest.mark.parametrize("cell", ["", "NULL", " "])
def test_cost_may_be_empty(cell: str) -> None:
    assert good("sync", cost=cell).cost is None


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2/7/2027", dt.date(2027, 2, 7)),
        ("2027-02-07", dt.date(2027, 2, 7)),
        ("02/07/2027 0:00", dt.date(2027, 2, 7)),
        ("11/23/2036", dt.date(2036, 11, 23)),
        ("TBA", None),
    ],
)
def test_dates(cell: str, day: dt.date | None) -> None:
    start = dt.time(19, 30) if day else None
    row = good("tevo", EventDate=cell, EventTime="7:30PM" if day else "")
    assert (row.date, row.time) == (day, start)


@pytest.mark.parametrize(
    ("cell", "start"),
    [
        ("6:05PM", dt.time(18, 5)),
        ("6:05 pm", dt.time(18, 5)),
        ("18:05:00", dt.time(18, 5)),
        ("12:00AM", dt.time(0, 0)),
        ("12:30 p.m.", dt.time(12, 30)),
        *((cell, None) for cell in ("3:00 am", "3:30 am", "03:00 am", "03:30AM", "03:30")),
        *((cell, None) for cell in ("tba", "TBA", "NULL", "", " ")),
    ],
)
def test_times(cell: str, start: dt.time | None) -> None:
    assert good("tevo", EventTime=cell).time == start


@pytest.mark.parametrize(
    ("cell", "start"),
    [
        ("2027-02-27 18:05", dt.time(18, 5)),
        ("2027-02-27T18:05:00.000", dt.time(18, 5)),
        ("2/27/2027 6:05 PM", dt.time(18, 5)),
        ("2027-02-27", None),
        ("2027-02-27T00:00:00", None),
        ("2027-02-27T03:30:00", None),
    ],
)
def test_sync_date_carries_the_time(cell: str, start: dt.time | None) -> None:
    row = good("sync", event_date=cell)
    assert (row.date, row.time) == (dt.date(2027, 2, 27), start)


def test_sync_date_may_be_empty() -> None:
    assert good("sync", event_date="").date is None


@pytest.mark.parametrize(
    ("first", "last", "quantity", "seats"),
    [
        ("7", "10", 4, ("7", "8", "9", "10")),
        ("7", "11", 3, ("7", "9", "11")),
        ("8", "10", 2, ("8", "10")),
        ("8", "10", 3, ("8", "9", "10")),
        ("A1", "A4", 4, ("A1", "A2", "A3", "A4")),
        ("08", "10", 3, ("08", "09", "10")),
        ("7", "7", 1, ("7",)),
        ("7", "", 1, ("7",)),
        ("B", "B", 1, ("B",)),
        *((cell, "", 4, ()) for cell in ("*", "N/A", "n/a", " ", "NULL", "")),
        ("*", "*", 100_000, ()),
    ],
)
def test_seats_from_and_thru(first: str, last: str, quantity: int, seats: tuple[str, ...]) -> None:
    row = good("tevo", SeatFrom=first, SeatThru=last, Quantity=str(quantity))
    assert (row.seats, row.quantity) == (seats, quantity)


@pytest.mark.parametrize(
    ("cell", "seats"),
    [
        ("9,10,8", ("8", "9", "10")),
        ("8; 9; 10", ("8", "9", "10")),
        ("8|9|10", ("8", "9", "10")),
        ("8 9 10", ("8", "9", "10")),
        ("A10,A9,A8", ("A8", "A9", "A10")),
        ("C,A,B", ("C", "A", "B")),
        ("N/A", ()),
        ("", ()),
    ],
)
def test_seats_as_a_list(cell: str, seats: tuple[str, ...]) -> None:
    assert good("sync", seats=cell, quantity="3").seats == seats


def test_list_of_seats_stands_for_from_and_thru() -> None:
    row = row_of("classic", SeatFrom=None, SeatThru=None, Seats="7,8,9,10")
    assert good_rows(text_of(row)) == [good("classic")]


@pytest.mark.parametrize(
    ("kind", "listed", "rule", "quantities"),
    [
        *((kind, "", SplitRule.ANY, ()) for kind in ("ANY", "AnySplit", "any")),
        *((kind, "", SplitRule.NONE, ()) for kind in ("NONE", "NoSplit", "All Together")),
        *((kind, "", SplitRule.NEVER_LEAVE_ONE, ()) for kind in ("NEVERLEAVEONE", "AvoidOne")),
        *((kind, "", SplitRule.NEVER_LEAVE_ONE, ()) for kind in ("never_leave_one", "NoSingles")),
        *((kind, "", SplitRule.NEVER_LEAVE_ONE, ()) for kind in ("DEFAULT", "", "NULL")),
        ("Pairs", "", SplitRule.PAIRS, ()),
        *(("CUSTOM", listed, SplitRule.CUSTOM, (2, 4)) for listed in ("2,4", "4:2", "2; 4|2")),
        ("CUSTOM", "2 40", SplitRule.CUSTOM, (2, 40)),
        ("", "1,2", SplitRule.CUSTOM, (1, 2)),
        ("NONE", "1,2", SplitRule.NONE, ()),
    ],
)
def test_split_rules(kind: str, listed: str, rule: SplitRule, quantities: tuple[int, ...]) -> None:
    row = good("classic", SplitType=kind, SplitValue=listed)
    assert (row.split_rule, row.split_quantities) == (rule, quantities)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        *((kind.value, kind) for kind in StockType),
        *((kind.label, kind) for kind in StockType),
        ("TM_mobile", StockType.MOBILE_TRANSFER),
        ("Flash_seats", StockType.FLASH),
        ("Eticket", StockType.ELECTRONIC),
        ("physical", StockType.HARD),
        ("", ""),
    ],
)
def test_stock_types(cell: str, kind: str) -> None:
    assert good("sync", stock_type=cell).stock_type == kind


@pytest.mark.parametrize(
    ("flag", "cell", "day"),
    [("Y", "", None), ("", "", None), ("N", "2/20/2027", dt.date(2027, 2, 20))],
)
def test_in_hand(flag: str, cell: str, day: dt.date | None) -> None:
    assert good("sync", in_hand=flag, in_hand_date=cell).in_hand_on == day


@pytest.mark.parametrize(("cell", "on_sale"), [("Y", True), ("N", False), ("", True)])
def test_broadcast_puts_on_sale(cell: str, on_sale: bool) -> None:
    assert good("classic", Broadcast=cell).on_sale is on_sale


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Event", Event._meta.get_field("name")),
        ("Venue", Event._meta.get_field("venue")),
        ("Section", TicketGroup._meta.get_field("section")),
        ("Row", TicketGroup._meta.get_field("row")),
        ("Notes", TicketGroup._meta.get_field("public_notes")),
    ],
)
def test_texts_are_as_long_as_the_models_hold(header: str, field: object) -> None:
    longest = getattr(field, "max_length", 0)
    good("tevo", **{header: "é" * longest})
    (problem,) = refused("tevo", **{header: "é" * (longest + 1)})
    assert problem.endswith(f"must be at most {longest} characters, and has {longest + 1}")
