"""Books in each format and dialect, read row by row."""

import datetime as dt
import io
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from inventory.book import Row, open_book
from inventory.split_rules import SplitRule
from tests.support.book_files import ROWS, TODAY, book_of, good, good_rows, row_of, text_of

BOOKS = Path(__file__).parent / "books"


def test_sync_row_gives_every_fact() -> None:
    assert good("sync") == Row(
        line=2,
        remote_id="600100000",
        event_name="Hamilton",
        venue="Richard Rodgers Theatre",
        date=dt.date(2027, 2, 27),
        time=dt.time(19, 30),
        quantity=4,
        section="Mezz Center",
        row="BB",
        seats=("7", "8", "9", "10"),
        split_rule=SplitRule.CUSTOM,
        split_quantities=(2, 4),
        price=Decimal("1422.46"),
        cost=Decimal("320.38"),
        face_value=Decimal("199.00"),
        stock_type="MOBILE_TRANSFER",
        in_hand_on=dt.date(2027, 2, 20),
        public_notes="Aisle seats",
        internal_notes="",
        on_sale=True,
    )


def test_same_group_reads_the_same_in_sync_and_classic() -> None:
    assert good("classic") == good("sync")._replace(face_value=None)


def test_tevo_cost_is_the_asking_price() -> None:
    row = good("tevo")
    assert (row.price, row.cost) == (Decimal("422.46"), None)


def test_classic_file_without_list_price_means_the_asking_price_by_its_cost() -> None:
    row = good("classic", **{"Unit List Price": None})
    assert (row.price, row.cost) == (Decimal("320.38"), None)


@pytest.mark.parametrize("form", ["tevo", "sync", "classic"])
def test_sample_book_has_no_refused_row(form: str) -> None:
    content = (BOOKS / f"{form}.csv").read_bytes()
    assert book_of(content).format == form
    assert len(good_rows(content)) == 1537


def test_sample_books_say_the_same() -> None:
    tevo, sync, classic = (
        good_rows((BOOKS / f"{form}.csv").read_bytes()) for form in ("tevo", "sync", "classic")
    )

    def differing(one: list[Row], other: list[Row]) -> set[str]:
        return {
            field
            for left, right in zip(one, other, strict=True)
            for field in Row._fields
            if getattr(left, field) != getattr(right, field)
        }

    # The sync book writes 19:30 for every event, and has the in-hand dates right.
    assert differing(sync, classic) == {"time", "face_value", "in_hand_on"}
    absent = {"split_rule", "split_quantities", "cost", "stock_type", "in_hand_on"}
    assert differing(tevo, classic) == absent
    assert not {"split_rule", "cost"} & book_of((BOOKS / "tevo.csv").read_bytes()).fields


def test_book_tells_what_is_known_kept_and_ignored() -> None:
    book = book_of(text_of(row_of("sync", barcodes="", SalesRep="jb", hide_seats="N")))
    assert (book.format, book.delimiter) == ("sync", ",")
    assert (book.ignored, book.not_kept) == (("SalesRep",), ("barcodes", "hide_seats"))
    assert (book.columns["remote_id"], book.columns["price"]) == (0, 10)
    assert book.headers == (*ROWS["sync"], "barcodes", "SalesRep", "hide_seats")


def test_fields_are_those_the_file_has_columns_for() -> None:
    always = set(Row._fields[1:10]) | {"price"}
    assert book_of(text_of(row_of("tevo"))).fields == always | {"public_notes"}
    assert book_of(text_of(row_of("classic"))).fields == set(Row._fields[1:]) - {
        "face_value",
        "internal_notes",
        "as_of",
    }


@pytest.mark.parametrize(
    "header", ["Seat From", "seat_from", "SEAT-FROM", " seatfrom ", "Seat.From", "Low Seat"]
)
def test_headers_are_known_however_they_are_spelt(header: str) -> None:
    row = row_of("classic", SeatFrom=None) | {header: "7"}
    assert good_rows(text_of(row)) == [good("classic")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
def test_dialects_read_the_same(delimiter: str, line_end: str, mark: bytes) -> None:
    row = row_of("classic", Notes=f'two{line_end}lines, "quoted"; and a comma')
    other = row_of("classic", TicketID="2", SplitValue="")
    other["SplitType"] = "ANY"
    content = mark + text_of(row, other, delimiter=delimiter, lineterminator=line_end)
    first, second = good_rows(content)
    assert (first.public_notes, first.line) == (row["Notes"], 2)
    assert (second.remote_id, second.line) == ("2", 4)


def test_order_of_columns_is_free() -> None:
    row = dict(reversed(row_of("sync").items()))
    assert good_rows(text_of(row)) == [good("sync")]


def test_lines_are_counted_across_blocks() -> None:
    note = "x" * 700
    rows = [row_of("tevo", TicketID=str(number), Notes=note) for number in range(1000)]
    content = text_of(*rows, lineterminator="\r\n")
    assert len(content) > 2 * 2**18
    assert [row.line for row in good_rows(content)] == list(range(2, 1002))


def test_blank_lines_and_trailing_blank_cells_are_passed_over() -> None:
    header, row = text_of(row_of("tevo")).splitlines()
    content = b"\n".join([b"", header + b",,", b"", row + b",,,,", b",,,,,", b"  ", b",", b""])
    assert [row.line for row in good_rows(content)] == [4]


def test_plain_notes_stay_inside_where_there_are_public_notes() -> None:
    row = good("classic", Public_Notes="Aisle", Notes="bought from Joe")
    assert (row.public_notes, row.internal_notes) == ("Aisle", "bought from Joe")


class LongBook(io.BytesIO):
    """A book that is made while it is read, in blocks of 100 rows with notes that differ."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.count = blocks * 100
        row = row_of("tevo", TicketID="%d", Notes="n" * 600 + "%d")
        header, self.row = text_of(row).splitlines(keepends=True)
        self.blocks = self.rows(header)

    def rows(self, header: bytes) -> Iterator[bytes]:
        yield header
        for number in range(0, self.count, 100):
            yield b"".join(self.row % (i, i) for i in range(number, number + 100))

    def read(self, size: int | None = -1, /) -> bytes:
        return next(self.blocks, b"")


def test_memory_stays_flat_however_long_the_book_is() -> None:
    tracemalloc.start()
    try:
        rows = sum(isinstance(row, Row) for row in open_book(LongBook(200), today=TODAY))
        _, peak = tracemalloc.get_traced_memory()
        kept = list(islice(open_book(LongBook(200), today=TODAY), 2_000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (rows, len(kept)) == (20_000, 2_000)
    # Of each row only its remote id and line are kept: a fraction of what the rows take.
    assert peak < 24 * 2**20 / 5
    assert peak < 10 * held / 4


def test_rows_are_read_only_when_asked_for() -> None:
    content = LongBook(1000)
    next(iter(open_book(content, today=TODAY)))
    assert sum(1 for _ in content.blocks) > 900
