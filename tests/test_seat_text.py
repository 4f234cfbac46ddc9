import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.seat_text import read, written

WRITTEN = [
    ("", []),
    ("7", ["7"]),
    ("1-2", ["1", "2"]),
    ("1-8", [str(number) for number in range(1, 9)]),
    ("1-15 odd", [str(number) for number in range(1, 16, 2)]),
    ("2-10 even", ["2", "4", "6", "8", "10"]),
    ("A1-A4", ["A1", "A2", "A3", "A4"]),
    ("08-11", ["08", "09", "10", "11"]),
    ("1, 2, 5", ["1", "2", "5"]),
    ("1, 3", ["1", "3"]),
    ("1-4, 7-10", ["1", "2", "3", "4", "7", "8", "9", "10"]),
    ("A, B", ["A", "B"]),
    ("GA-1", ["GA-1"]),
]


@pytest.mark.parametrize(("text", "labels"), WRITTEN)
def test_seats_are_written_and_read_as_brokers_do(text: str, labels: list[str]) -> None:
    assert written(labels) == text
    assert read(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("  ", []),
        ("1,2,5", ["1", "2", "5"]),
        (" 1 ; 2 ;5 ", ["1", "2", "5"]),
        ("1 - 3", ["1", "2", "3"]),
        ("1–3", ["1", "2", "3"]),
        ("1-5 ODD", ["1", "3", "5"]),
        ("9-11", ["9", "10", "11"]),
        ("Box 1, Box 2", ["Box 1", "Box 2"]),
    ],
)
def test_other_ways_of_writing_are_read_too(text: str, labels: list[str]) -> None:
    assert read(text) == labels


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("8-1", "8-1 runs backwards"),
        ("1-8 odd", "seat 8 is not odd"),
        ("1-7 even", "seat 1 is not even"),
        ("A1-B4", "the same letters"),
        ("1,,2", "no seat beside it"),
        ("1,2,", "no seat beside it"),
        ("1-3, 2", "The seat 2 is listed twice"),
        ("1-100000000", "more than 1000 seats"),
        ("1-900, 1001-1900", "at most 1000 seats"),
        ("12345678901234567", "more than 16 characters"),
    ],
)
def test_what_is_no_list_of_seats_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(text)


def plain(label: str) -> bool:
    try:
        return read(label) == [label]
    except ValueError:
        return False


words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=6)
numbers = st.builds(
    lambda letters, first, count, step: [f"{letters}{first + step * i}" for i in range(count)],
    *(st.sampled_from(["", "A", "Box "]), st.integers(0, 20), st.integers(1, 6)),
    st.integers(1, 3),
)
labels = st.one_of(
    st.lists(words, max_size=8),
    st.lists(numbers, max_size=3).map(lambda rows: list(itertools.chain(*rows))),
)


@given(labels.map(lambda found: list(dict.fromkeys(filter(plain, found)))))
def test_what_is_written_reads_as_the_same_seats(seats: list[str]) -> None:
    assert read(written(seats)) == seats


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seats = read(text)
    except ValueError:
        return
    assert len(set(seats)) == len(seats)
    assert all(0 < len(seat) <= 16 for seat in seats)
