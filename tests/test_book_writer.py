"""Whatever a book says, it says the same when it was written and is read again."""

from datetime import UTC, date, time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inventory.book import Row, write_book
from inventory.book.date_cells import PLACEHOLDERS
from inventory.book.ticket_cells import ends, seat_list
from inventory.book.ticket_cells import seats as read_seats
from inventory.limits import ID_PATTERN
from tests.support.book_files import TODAY, book_of, good, good_rows
from tests.test_book_round_trip import row

NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")
LABELS = st.lists(st.text(NO_NUL, min_size=1, max_size=16), unique=True, max_size=9)
NOTES = st.text(NO_NUL, max_size=40).map(str.strip)
NAMES = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], include_characters=" "
    ),
    min_size=1,
).map(str.strip)
REMOTE_IDS = st.from_regex(ID_PATTERN.replace("$", r"\Z"))


@st.composite
def listing(draw: st.DrawFn) -> Row:
    """What a database can hold, however odd."""
    labels = tuple(draw(LABELS))
    plain = draw(row())
    day = plain.date
    start = draw(st.none() | st.times().filter(lambda start: start not in PLACEHOLDERS))
    return plain._replace(
        remote_id=draw(REMOTE_IDS),
        event_name=draw(NAMES.filter(bool)),
        section=draw(st.sampled_from(["211", "NULL", "=1", "-", "'x", "007", "1,5"])),
        time=start if day else None,
        seats=labels,
        quantity=len(labels) or plain.quantity,
        public_notes=draw(NOTES),
        internal_notes=draw(NOTES),
        as_of=draw(st.none() | st.datetimes(timezones=st.just(UTC))),
    )


def written(rows: list[Row], form: str, **options: Any) -> bytes:
    chosen = {"for_others": False, "today": TODAY, **options}
    return "".join(write_book(rows, format=form, **chosen)).encode()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(listing(), max_size=4, unique_by=lambda row: row.remote_id), st.booleans())
def test_what_is_written_is_read(rows: list[Row], for_others: bool) -> None:
    for form in ("sync", "tevo"):
        content = written(rows, form, for_others=for_others)
        book = book_of(content)
        assert (book.format, book.ignored, book.not_kept) == (form, (), ())
        said = sorted(book.fields)
        read = good_rows(content)
        assert [[getattr(row, field) for field in said] for row in read] == [
            [getattr(row, field) for field in said] for row in rows
        ]


@given(LABELS)
@example(["7", "07"])
@example(["*"])
@example(["n/a"])
@example(["NULL"])
@example(['"7"'])
@example(['"7","8"'])
@example(["'=1"])
@example(["8", "7"])
@example(["1,2", "3"])
@example(["1\n2", "\t"])
def test_seats_are_read_as_they_stand(labels: list[str]) -> None:
    count = str(len(labels) or 1)
    assert read_seats(seat_list(labels), "", "", count) == (tuple(labels),)
    first, last = ends(labels)
    assert not first or read_seats("", first, last, count) == (tuple(labels),)


def test_fields_are_all_of_a_row_unless_others_read_it() -> None:
    rows = [good("sync")]
    fields = set(Row._fields[1:])
    assert book_of(written(rows, "sync")).fields == fields
    for_others = book_of(written(rows, "sync", for_others=True)).fields
    assert fields - for_others == {"cost", "internal_notes", "on_sale"}
    tevo = {*Row._fields[1:10], "price", "public_notes", "as_of"}
    assert book_of(written(rows, "tevo")).fields == tevo


@pytest.mark.parametrize(
    ("day", "flag"), [(None, "Y"), (date(2026, 11, 23), "Y"), (date(2026, 11, 24), "N")]
)
def test_tickets_are_in_hand_from_their_date_on(day: date | None, flag: str) -> None:
    content = written([good("sync")._replace(in_hand_on=day)], "sync")
    (line,) = content.decode().splitlines()[1:]
    assert f'"{flag}","{day or ""}"' in line
    assert good_rows(content)[0].in_hand_on == day


@pytest.mark.parametrize(
    ("start", "cell"),
    [
        (None, "TBA"),
        (time(0), "12:00AM"),
        (time(12, 5), "12:05PM"),
        (time(18, 5), "6:05PM"),
        (time(9, 5, 30), "9:05:30AM"),
        (time(9, 5, 0, 250), "9:05:00.000250AM"),
    ],
)
def test_times_are_written_as_tevo_does(start: time | None, cell: str) -> None:
    content = written([good("tevo")._replace(time=start)], "tevo")
    assert f'"02/27/2027","{cell}"' in content.decode()
    assert good_rows(content)[0].time == start


def test_file_comes_in_chunks_of_whole_lines() -> None:
    row = good("tevo")
    many = [row._replace(remote_id=str(number)) for number in range(2500)]
    chunks = list(write_book(iter(many), format="tevo", for_others=False, today=TODAY))
    assert len(chunks) > 2
    assert all(chunk.endswith("\n") for chunk in chunks if chunk)
    assert len(good_rows("".join(chunks).encode())) == 2500
