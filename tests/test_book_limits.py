"""How much work a file can make: cells have a bound, and no row takes long whatever is in it."""

import contextlib
import re
from collections.abc import Callable
from datetime import date, timedelta
from datetime import time as hour
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory import limits, seat_text
from inventory.book import BookError, RefusedRow, Row
from inventory.book.cells import LONGEST_CELL
from inventory.book.csv_records import MOST_COLUMNS
from inventory.book.ticket_cells import _quoted, quoted, seats
from inventory.event_match import Listed, match
from inventory.models import Broker, Event
from inventory.models.imports import Verdict
from tests.support.book_files import ROWS, book_of, row_of, text_of
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory
from tests.support.importing import Book, line
from tests.support.patterns import searches_of
from tests.support.work import steps

HOSTILE = {
    "quotes": '"',
    "one quote more": '"""',
    "labels in quotes": '"a",',
    "labels of quotes": '"""",',
    "apostrophes": "'",
    "apostrophes before a formula": "'" * 99 + "=",
    "digits": "9",
    "digits and dots": "1.",
    "digits and commas": "1,",
    "rounded numbers": "1.5E+08",
    "spaces": "a ",
    "many spaces": " " * 99 + "a",
    "tabs": "a\t",
    "line ends": "a\n",
    "odd spaces": "\u00a0\u2028",
    "letters": "a",
    "letters and digits": "a1",
    "separators": ",;|",
    "dates": "1/1/2027 ",
    "times": "1:1",
    "signs": "$(-",
    "underscores": "_-",
    "words": "NULL",
    "dashes": "1-2\u2013",
    "wide letters": "\U0001f39f",
}

LISTS = st.lists(st.text('"a, ', min_size=1, max_size=3), max_size=4).map(quoted)


ENDS = ("", "x", '"', "é!")  # what does not fit: a search may go far back before it gives up


def rows_of(unit: str, length: int) -> bytes:
    """A file that has such a cell in each column and with each end, one a row."""
    rows = []
    for number, (header, end) in enumerate(product(ROWS["sync"], ENDS)):
        cell = (unit * (length // len(unit) + 1))[: length - len(end)] + end
        rows.append(row_of("sync", **{"inventory_id": f"r-{number}", header: cell}))
    return text_of(*rows)


def line_of(unit: str, length: int) -> bytes:
    """A file that has such a line after its header row."""
    header = text_of(row_of("sync")).splitlines()[0]
    return header + b"\n" + (unit * length)[:length].encode() + b"\n"


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("content", [rows_of, line_of])
def test_work_grows_no_faster_than_the_text_whatever_is_in_it(
    content: Callable[[str, int], bytes], unit: str
) -> None:
    def read(length: int) -> None:
        with contextlib.suppress(BookError):
            list(book_of(content(unit, length)))

    with searches_of("inventory.") as searches:
        for length in (20, 60, 180):  # some cells are looked at only if they are short
            read(length)
    for search in searches:
        assert search.steps() <= 10 * len(search.text) + 50
    half, whole = (steps(partial(read, length)) for length in (1000, 2000))
    assert whole < 2.5 * half


@given(st.text('"a1, ', max_size=40) | LISTS)
def test_list_of_seats_in_quotes_is_what_a_search_with_backtracking_finds(cell: str) -> None:
    searched = re.findall(r'"((?:[^"]|"")+)"(?:,|\Z)', cell)
    labels = [label.replace('""', '"') for label in searched]
    distinct = len(set(labels)) == len(labels) and max(map(len, labels), default=0) <= 16
    expected = labels if distinct and quoted(labels) == cell else []
    assert _quoted(cell) == expected


def test_cell_that_is_too_long_refuses_its_row_alone() -> None:
    header = ",".join(ROWS["sync"])
    long = text_of(row_of("sync", public_notes="n" * (LONGEST_CELL + 1)))
    (row,) = book_of(long)
    assert isinstance(row, RefusedRow)
    assert (row.line, row.remote_id) == (2, "600100000")
    (problem,) = row.problems
    assert problem.message == "must be at most 40,000 characters: has 40,001"
    assert problem.column == "public_notes"
    good = text_of(row_of("sync", inventory_id="r-2")).split(b"\n", 1)[1]
    assert header.encode() in long
    first, second = book_of(long + good)
    assert isinstance(first, RefusedRow)
    assert isinstance(second, Row)


@pytest.mark.parametrize("length", [LONGEST_CELL + 2, 200_000, 400_000])
def test_long_cell_of_many_lines_stops_no_file(length: int) -> None:
    long = text_of(row_of("sync", inventory_id="a\n" * (length // 2), public_notes="n" * length))
    (row,) = book_of(long)
    assert isinstance(row, RefusedRow)
    assert row.remote_id is None
    assert [problem.column for problem in row.problems] == ["inventory_id", "public_notes"]


def test_cell_of_the_greatest_length_is_read() -> None:
    (row,) = book_of(text_of(row_of("sync", public_notes=" " * (LONGEST_CELL - 1) + "n")))
    assert isinstance(row, Row)
    assert row.public_notes == "n"


def test_longest_list_of_seats_has_room_in_a_cell() -> None:
    labels = [('"' * 12 + f"{number:04}") for number in range(limits.MOST_SEATS)]
    cell = ",".join('"{}"'.format(label.replace('"', '""')) for label in labels)
    assert len(cell) < LONGEST_CELL
    assert seats(cell, "", "", str(len(labels))) == (tuple(labels),)


def test_header_of_too_many_columns_is_refused_at_once() -> None:
    header = ",".join([*ROWS["sync"], *["x"] * 20_000])

    def read() -> None:
        with pytest.raises(BookError, match="and at most 1,000 are read"):
            book_of(header.encode() + b"\n")

    assert steps(read) < 100 * 20_000
    most = [*ROWS["sync"], *(f"x{number}" for number in range(MOST_COLUMNS - len(ROWS["sync"])))]
    content = ",".join(most).encode() + b"\n"
    assert steps(partial(book_of, content)) < 500 * MOST_COLUMNS
    assert len(book_of(content).headers) == MOST_COLUMNS


def test_seat_that_is_listed_twice_is_found_in_one_pass() -> None:
    labels = [str(number) for number in range(1, 999)] + ["998"]
    cell = ",".join(labels)
    content = text_of(row_of("sync", seats=cell, quantity="999"))

    def read() -> None:
        (row,) = book_of(content)
        assert isinstance(row, RefusedRow)
        assert [problem.message for problem in row.problems] == ["lists seat 998 twice"]
        with pytest.raises(ValueError, match="seat 998 is listed twice"):
            seat_text.read(cell)

    assert steps(read) < 250_000  # a search for each label would look at 998,001


WHENS = st.lists(
    st.tuples(
        st.none() | st.sampled_from([date(2027, 5, 1), date(2027, 5, 2), date(2027, 5, 3)]),
        st.none() | st.sampled_from([hour(19), hour(20)]),
    ).map(lambda when: when if when[0] else (None, None)),
    unique=True,
    max_size=6,
)


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stored=WHENS, listed=WHENS)
def test_events_are_those_that_a_search_through_all_of_them_finds(
    stored: list[tuple[date | None, hour | None]], listed: list[tuple[date | None, hour | None]]
) -> None:
    book = [Listed("a", "b", day, start) for day, start in listed]
    with transaction.atomic():
        broker = BrokerFactory()
        for day, start in stored:
            EventFactory(broker=broker, name="a", venue="b", date=day, time=start)
        found = match(book, broker)
        expected = searched(book, list(Event.objects.filter(broker=broker)))
        transaction.set_rollback(True)
    assert {one: facts(meant.event, meant.unsaved) for one, meant in found.items()} == expected


Facts = tuple[int | None, date | None, hour | None, bool]


def facts(event: Event, unsaved: bool) -> Facts:
    return event.pk, event.date, event.time, unsaved


def searched(book: list[Listed], events: list[Event]) -> dict[Listed, Facts]:
    """The events that listings mean, found slowly: each listing against each event."""

    def agree(one: object, other: object) -> bool:
        pairs = zip(one, other, strict=True)  # type: ignore[call-overload]
        return all(None in pair or pair[0] == pair[1] for pair in pairs)

    stored = {(event.date, event.time) for event in events}
    listed = {one[2:] for one in book}
    meant: dict[Listed, tuple[Event, bool]] = {}
    for one in sorted(book, key=lambda one: (one.date is None, one.time is None)):
        event = next((e for e in events if (e.date, e.time) == one[2:]), None)
        fitting = [e for e in events if agree(one[2:], (e.date, e.time))]
        if not event and len(fitting) == 1:
            event = fitting[0]
        more = bool(event and ((one.date and not event.date) or (one.time and not event.time)))
        if event and more:
            now = event.date, event.time
            others = (listed - stored) | (stored - {now} if now in listed else set())
            if any(agree(when, now) and not agree(when, one[2:]) for when in others):
                event, more = None, False
        unsaved = event is None or event._state.adding
        if event is None:
            event = Event(name="a", venue="b", date=one.date, time=one.time)
            events.append(event)
        elif more:
            event.date, event.time = one.date or event.date, one.time or event.time
            unsaved = True
        meant[one] = event, unsaved
    return {one: facts(*found) for one, found in meant.items()}


@pytest.mark.django_db
def test_show_at_thousands_of_times_is_matched_in_one_pass(broker: Broker) -> None:
    EventFactory(broker=broker, name="a", venue="b", date=None)
    EventFactory(broker=broker, name="a", venue="b", date=date(2027, 5, 1))
    days = [date(2027, 5, 1) + timedelta(number) for number in range(40)]
    book = [
        Listed("a", "b", day, hour(h, m)) for day in days for h in range(4, 10) for m in range(10)
    ]
    book += [Listed("a", "b", day, None) for day in days] + [Listed("a", "b", None, None)]
    assert steps(lambda: match(book, broker)) < 500 * len(book)


@pytest.mark.django_db
def test_names_in_rows_that_cannot_be_read_are_cut_out_once(book: Book) -> None:
    """Not once for each group: the plan has no function scan that is run again and again."""
    for number in range(30):
        TicketGroupFactory(broker=book.broker, remote_id=f"g-{number}")
    book.imported(line("r-1"), line("r-2"))
    plan: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "'vanished'" not in sql:
            return execute(sql, params, many, context)
        execute(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", params, many, context)
        plan.extend(step for (step,) in context["cursor"].fetchall())
        return None

    with connection.execute_wrapper(explained):
        done = book.checked(line("r-1"), *["no id;r-2\t'g-7' ," * 9] * 9, snapshot=True)
    assert done.rows.filter(verdict=Verdict.VANISHED).count() == done.vanished == 29
    loops = [
        int(times) for step in plan for times in re.findall(r"Function Scan.*loops=(\d+)", step)
    ]
    assert loops
    assert sum(loops) <= 9 + 9 * 10
