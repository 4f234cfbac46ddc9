"""Whatever a book says, in whatever dialect it is written, is what is read."""

import csv
from datetime import date, time
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.book import Row, defused
from inventory.book.formulas import restored
from inventory.models import StockType
from inventory.split_rules import SplitRule
from tests.support.book_files import good_rows, text_of

LABELS = st.text("ABCXYZ", max_size=3)
MONEY = st.decimals(0, 1_000_000, places=2)
TEXT = (
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "))
    .map(lambda text: " ".join(text.split())[:100])
    .map(str.strip)
    .filter(lambda text: text and text not in {"NULL", "null"})
)
NOTES = st.one_of(st.just(""), TEXT, st.lists(TEXT, min_size=2, max_size=3).map("\n".join))
REMOTE_ID = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/+"),
    min_size=1,
    max_size=128,
).filter(lambda text: text not in {"NULL", "null"})
TIME = st.times(min_value=time(4)).map(lambda value: value.replace(microsecond=0))
# The csv module quotes a line break only where it is part of the line end.
LINE_ENDS: list[dict[str, Any]] = [
    *({"lineterminator": end} for end in ("\n", "\r\n", "\n\n")),
    *({"lineterminator": end, "quoting": csv.QUOTE_ALL} for end in ("\n", "\r\n", "\r")),
]


@st.composite
def seats(draw: st.DrawFn) -> tuple[str, ...]:
    letters, first = draw(LABELS), draw(st.integers(1, 900))
    count, step = draw(st.integers(0, 9)), draw(st.sampled_from([1, 2]))
    return tuple(f"{letters}{first + step * number}" for number in range(count))


@st.composite
def row(draw: st.DrawFn) -> Row:
    labels = draw(seats())
    rule = draw(st.sampled_from(SplitRule))
    sizes = draw(st.sets(st.integers(1, 50), min_size=1)) if rule == SplitRule.CUSTOM else ()
    day = draw(st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2036, 11, 23))))
    return Row(
        line=0,
        remote_id=draw(REMOTE_ID),
        event_name=draw(TEXT),
        venue=draw(TEXT),
        date=day,
        time=draw(st.one_of(st.none(), TIME)) if day else None,
        quantity=len(labels) or draw(st.integers(1, 100_000)),
        section=draw(TEXT),
        row=draw(TEXT),
        seats=labels,
        split_rule=rule,
        split_quantities=tuple(sorted(sizes)),
        price=draw(MONEY),
        cost=draw(st.one_of(st.none(), MONEY)),
        face_value=draw(st.one_of(st.none(), MONEY)),
        stock_type=draw(st.sampled_from(["", *StockType.values])),
        in_hand_on=draw(st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2099, 1, 1)))),
        public_notes=draw(NOTES),
        internal_notes=draw(NOTES),
        on_sale=draw(st.booleans()),
    )


def cells(row: Row, pick: Random) -> dict[str, str]:
    """A row as one of the many ways to write it has it: as a classic file, with every column."""

    def money(amount: object) -> str:
        styles = ["{0:.2f}", "${0:,.2f}", "${0:.2f}", " {0:,.2f} "]
        return "" if amount is None else pick.choice(styles).format(amount)

    def day(value: date | None, empty: list[str]) -> str:
        styles = ["{0:%m/%d/%Y}", "{0.month}/{0.day}/{0.year}", "{0:%Y-%m-%d}"]
        return pick.choice(styles).format(value) if value else pick.choice(empty)

    start = row.time and pick.choice(["{0:%I:%M:%S%p}", "{0:%H:%M:%S}"]).format(row.time)
    listed, step = pick.random() < 0.5, pick.choice(", ;|")
    ends = ("", "") if listed or not row.seats else (row.seats[0], row.seats[-1])
    return {
        "TicketID": defused(row.remote_id),
        "Event": defused(row.event_name),
        "Venue": defused(row.venue),
        "EventDate": day(row.date, ["TBA", "tbd"]),
        "EventTime": start
        or pick.choice(["", "TBA", "3:30 am", "NULL"] if row.date else ["", "TBA"]),
        "Quantity": str(row.quantity),
        "Section": defused(row.section),
        "Row": defused(row.row),
        "Seats": step.join(row.seats) if listed else pick.choice(["", "*", "N/A"]),
        "SeatFrom": ends[0],
        "SeatThru": ends[1],
        "SplitType": pick.choice([str(row.split_rule), row.split_rule.upper().replace("_", "")]),
        "SplitValue": pick.choice([",", ":", ";", "|", " "]).join(map(str, row.split_quantities)),
        "UnitListPrice": money(row.price),
        "Cost": money(row.cost),
        "FaceValue": money(row.face_value),
        "StockType": pick.choice([row.stock_type, row.stock_type.lower().replace("_", " ")]),
        "InHandDate": day(row.in_hand_on, ["", "NULL"]),
        "PublicNotes": defused(row.public_notes),
        "InternalNotes": defused(row.internal_notes),
        "Broadcast": pick.choice(["Y", "yes", "1"] if row.on_sale else ["N", "no", "0"]),
        "Colour": "blue",
    }


def respelt(header: str, pick: Random) -> str:
    between = pick.choice(["", "_", " ", "-"]).join(header)
    return pick.choice([between, between.lower(), between.upper()])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(row(), min_size=1, max_size=5, unique_by=lambda row: row.remote_id),
    st.randoms(use_true_random=True),
)
def test_rows_are_read_as_they_were_written(rows: list[Row], pick: Random) -> None:
    headers = list(cells(rows[0], pick))
    pick.shuffle(headers)
    spelling = {header: respelt(header, pick) for header in headers}
    written = [cells(row, pick) for row in rows]
    content = text_of(
        *({spelling[header]: row[header] for header in headers} for row in written),
        delimiter=pick.choice(",;\t"),
        **pick.choice(LINE_ENDS),
    )
    read = good_rows(pick.choice([b"", b"\xef\xbb\xbf", b"\n"]) + content)
    assert [row._replace(line=0) for row in read] == rows


def test_defused_text_is_restored() -> None:
    for text in ("=1", "+1", "-1", "@a", "'=1", "''=1", "\t1", "a", "'a", "", "'", "1-1"):
        assert restored(defused(text)) == text
    assert [defused(text) for text in ("=1", "'=1", "a-1", "'a")] == ["'=1", "''=1", "a-1", "'a"]
