"""Three books, broken in every way that happens: a clear word each time, and nothing changed."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from holds.imports import applying, checking
from inventory.imports import Import, ImportState, Verdict
from inventory.models import Broker, Caller, Event, TicketGroup
from tests.broken_books import FORMATS, HEADERS, ROWS, WHOLE, Sample
from tests.fixtures import Unchanged, books_balance
from tests.marketplace import Api
from tests.spoilt_rows import IN_A_LINE, IN_A_ROW

pytestmark = pytest.mark.django_db

CALLER = Caller("user staff")
OTHER = 5  # the line of a row that is good, and says another price


class Shelf:
    """A broker whose book is in, with the tickets of its first row held, and of its second sold."""

    def __init__(self, sample: Sample, api: Api, unchanged: Unchanged) -> None:
        self.sample, self.api, self._unchanged = sample, api, unchanged
        self.broker: Broker = api.broker
        assert self.imported(sample.content).new == ROWS
        for number in (1, 2):
            group = self.group(number)
            assert api.hold(group, group.quantity, f"g-{number}").status_code == 201
        assert api.invoice("o-1", "g-2").status_code == 201

    def group(self, number: int) -> TicketGroup:
        """What the row of that number says, from 1."""
        at = self.sample.table[0].index(self.sample.names["remote_id"])
        group: TicketGroup = TicketGroup.objects.get(
            broker=self.broker, remote_id=self.sample.table[number][at]
        )
        return group

    def imported(self, content: bytes, **options: Any) -> Import:
        book = checking.check(
            io.BytesIO(content),
            **{"broker": self.broker, "file_name": "book.csv", "asked_by": CALLER.name, **options},
        )
        return applying.apply(book, caller=CALLER)

    @contextmanager
    def unchanged(self, *but: TicketGroup) -> Iterator[None]:
        """Assert that no claim, no event and no group, but some, is another afterwards."""

        def rows() -> list[Any]:
            groups = TicketGroup.objects.exclude(pk__in=[group.pk for group in but])
            return [*groups.order_by("id").values(), *Event.objects.order_by("id").values()]

        before = rows()
        with self._unchanged(but=[TicketGroup]):
            yield
        assert rows() == before


@pytest.fixture(params=FORMATS)
def shelf(request: pytest.FixtureRequest, api: Api, unchanged: Unchanged) -> Shelf:
    return Shelf(Sample(request.param), api, unchanged)


def shelf_of(form: str, api: Api, unchanged: Unchanged) -> Shelf:
    return Shelf(Sample(form), api, unchanged)


def spoilt_rows() -> Iterator[Any]:
    """Each book with each way to spoil a row of it: the book, the content, what is said."""
    for form in FORMATS:
        sample = Sample(form)
        for name, (cells, fact, said, at) in IN_A_ROW.items():
            if {fact, *cells} <= HEADERS[form].keys():
                header = sample.names[fact]
                cell = cells.get(fact, sample.table[at][sample.table[0].index(header)])
                sentence = f"{header} “{cell[:80]}{'…' * (len(cell) > 80)}” {said}"
                content = sample.with_cells(cells, at)
                yield pytest.param(form, content, sentence, id=f"{form}: {name}")
        width = len(sample.table[0])
        for name, (change, said) in IN_A_LINE.items():
            content, sentence = sample.with_line(change), said.format(width=width, more=width + 1)
            yield pytest.param(form, content, sentence, id=f"{form}: {name}")


def with_another_price(form: str, content: bytes) -> bytes:
    """The same content, with a price of 77.00 in a row that is good."""
    sample = Sample(form)
    lines = content.splitlines(keepends=True)
    priced = sample.with_cells({"price": "77.00"}, OTHER).splitlines(keepends=True)
    return b"".join([*lines[:OTHER], priced[OTHER], *lines[OTHER + 1 :]])


SPOILT = list(spoilt_rows())


@pytest.mark.parametrize("form", FORMATS)
def test_good_book_again_changes_nothing(form: str, api: Api, unchanged: Unchanged) -> None:
    shelf = shelf_of(form, api, unchanged)
    with shelf.unchanged():
        again = shelf.imported(shelf.sample.content, snapshot=True, strict=True)
    assert (again.state, again.unchanged) == (ImportState.DONE, ROWS)


@pytest.mark.parametrize("form", FORMATS)
def test_each_book_is_broken_in_many_ways(form: str) -> None:
    ways = len(WHOLE) + sum(case.values[0] == form for case in SPOILT)
    assert ways > 60


@pytest.mark.parametrize("name", WHOLE)
def test_book_that_cannot_be_read_is_refused_and_changes_nothing(
    name: str, shelf: Shelf, tmp_path: Path
) -> None:
    spoil, said = WHOLE[name]
    path = tmp_path / "book.csv"
    path.write_bytes(spoil(shelf.sample))
    with shelf.unchanged(), pytest.raises(CommandError) as refusal:
        call_command(
            *("import_inventory", shelf.broker.name, str(path)),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )
    pattern = said.format(form=shelf.sample.form, **shelf.sample.names)
    book = Import.objects.latest("id")
    assert re.search(pattern, book.problem), book.problem
    assert (book.state, book.applied) == (ImportState.REFUSED, 0)
    assert str(refusal.value) == f"{book.problem} Nothing was changed."
    books_balance()


@pytest.mark.parametrize(("form", "content", "said"), SPOILT)
def test_row_that_is_wrong_refuses_all_or_lets_the_others_in(
    api: Api, unchanged: Unchanged, *, form: str, content: bytes, said: str
) -> None:
    shelf = shelf_of(form, api, unchanged)
    content = with_another_price(form, content)
    with shelf.unchanged():
        book = shelf.imported(content, strict=True, snapshot=True)
    assert book.state == ImportState.REFUSED
    assert book.problem == "Rows refused: 1. All or nothing was asked for."
    (row,) = book.rows.all()
    assert (row.verdict, row.problems) == (Verdict.REFUSED, [said])

    changed = shelf.group(OTHER)
    with shelf.unchanged(changed):
        book = shelf.imported(content)
    changed.refresh_from_db()
    assert changed.price == Decimal(77)
    assert (book.state, book.applied, book.changed) == (ImportState.DONE, 1, 1)
    assert (book.refused, book.unchanged) == (1, ROWS - 2)
    (row,) = book.rows.all()
    assert row.problems == [said]
