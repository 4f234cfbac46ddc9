"""What a cell holds is what is stored, whatever PostgreSQL's COPY means by it."""

import csv
import os
from io import StringIO

import pytest
from django.core.management import call_command

from inventory.models.imports import Import, ImportState
from tests.support.importing import HEADER, Book, line

pytestmark = pytest.mark.django_db


def as_csv(*cells: str) -> str:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return text.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        *("plain", r"\N", "\\", r"a\tb", r"\.", '"quoted"', "{1,2}", "Zürich 🎭", "it's; --"),
        *("two\nlines", "a\ttab", "a\r\nb", "NULL of it"),
    ],
)
def test_text_is_stored_as_it_stands(book: Book, text: str) -> None:
    place = text if text.isprintable() else "211"
    row = as_csv(
        *("r-1", "Wicked", "Gershwin", "2027-05-01T19:30:00", "2", place, place),
        *("A,B", "40.00", text, text),
    )
    done = book.imported(row, header=f"{HEADER},public_notes,internal_notes")
    assert (done.state, done.new) == (ImportState.DONE, 1)
    group = book.group("r-1")
    assert (group.section, group.row) == (place, place)
    assert (group.public_notes, group.internal_notes) == (text, text)


def test_ids_and_seats_keep_their_backslashes_and_quotes(book: Book) -> None:
    book.imported(as_csv(r"r\N", "W", "V", "TBA", "3", "1", "1", r"""a\b 'c' {d}""", "1.00"))
    group = book.group(r"r\N")
    assert group.seats == [r"a\b", "'c'", "{d}"]


def test_refused_row_is_kept_with_all_its_cells_and_problems(book: Book) -> None:
    cells = ["r 1", 'say "hi"', "back\\slash", "TBA", "none", "a\ttab", "1", "{x}", ""]
    done = book.imported(as_csv(*cells), line("r-2"))
    kept = done.rows.get()
    assert (kept.line, kept.cells) == (2, cells)
    assert [problem.split(" ")[0] for problem in kept.problems] == [
        *("inventory_id", "quantity", "list_price")
    ]
    assert done.headers == HEADER.split(",")


def test_long_headers_are_cut(book: Book) -> None:
    done = book.imported(line("r-1") + ",", header=f"{HEADER},{'x' * 400}")
    assert done.headers[-1] == done.ignored[-1] == "x" * 300


def test_file_name_that_is_not_utf8_is_shown_as_far_as_it_is(book: Book) -> None:
    book.imported(line("r-1"))
    odd = f"{book.path.parent}/{os.fsdecode(b'b' + bytes([255]))}.csv"
    book.path.rename(odd)
    call_command("import_inventory", book.broker.name, odd, stdout=StringIO())
    assert Import.objects.latest("id").file_name == "b\ufffd.csv"
