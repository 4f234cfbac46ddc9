"""Three books, broken in every way that happens: a clear word each time, and nothing changed."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from holds.imports import applying, checking
from inventory.models import Broker, Caller, Event, TicketGroup
from inventory.models.imports import Import, ImportState, Verdict
from tests.support.broken_books import FORMATS, HEADERS, ROWS, WHOLE, Sample
from tests.support.factories import BrokerFactory
from tests.support.fixtures import Unchanged, counters_agree
from tests.support.marketplace import Api
from tests.support.spoilt_rows import IN_A_LINE, IN_A_ROW

pytestmark = pytest.mark.django_db

CALLER = Caller("user staff")
OTHER = 5  # the line of a row that is good, and says another price


class Shelf:
    """A broker whose book is in, with the tickets of its first row held, and of its second sold."""

    def __init__(self, form: str) -> None:
        self.sample = Sample(form)
        self.broker: Broker = BrokerFactory()
        api = Api(self.broker)
        assert self.imported(self.sample.content).new == ROWS
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


Shelves = dict[str, Shelf]
Kept = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module")
def shelves(made_once: None) -> Shelves:
    """One of each format. Each test rolls back what it does to it."""
    return {form: Shelf(form) for form in FORMATS}


@pytest.fixture
def kept(unchanged: Unchanged) -> Kept:
    """A context that asserts that no claim, no event and no group, but some, changes."""

    @contextmanager
    def watch(*but: TicketGroup) -> Iterator[None]:
        def rows() -> list[Any]:
            groups = TicketGroup.objects.exclude(pk__in=[group.pk for group in but])
            return [*groups.order_by("id").values(), *Event.objects.order_by("id").values()]

        before = rows()
        with unchanged(but=[TicketGroup]):
            yield
        assert rows() == before

    return watch


@pytest.fixture(autouse=True)
def agreeing(shelves: Shelves, db: None) -> Iterator[None]:
    """After each test the counters must agree."""
    yield
    counters_agree()


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
def test_good_book_again_changes_nothing(form: str, shelves: Shelves, kept: Kept) -> None:
    shelf = shelves[form]
    with kept():
        again = shelf.imported(shelf.sample.content, snapshot=True, strict=True)
    assert (again.state, again.unchanged) == (ImportState.DONE, ROWS)


@pytest.mark.parametrize("form", FORMATS)
def test_each_book_is_broken_in_many_ways(form: str) -> None:
    ways = len(WHOLE) + sum(case.values[0] == form for case in SPOILT)
    assert ways > 60


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", WHOLE)
def test_book_that_cannot_be_read_is_refused_and_changes_nothing(
    name: str, form: str, shelves: Shelves, kept: Kept, tmp_path: Path
) -> None:
    (spoil, said), shelf = WHOLE[name], shelves[form]
    path = tmp_path / "book.csv"
    path.write_bytes(spoil(shelf.sample))
    with kept(), pytest.raises(CommandError) as refusal:
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


@pytest.mark.parametrize(("form", "content", "said"), SPOILT)
def test_row_that_is_wrong_refuses_all_or_lets_the_others_in(
    shelves: Shelves, kept: Kept, *, form: str, content: bytes, said: str
) -> None:
    shelf = shelves[form]
    content = with_another_price(form, content)
    with kept():
        book = shelf.imported(content, strict=True, snapshot=True)
    assert book.state == ImportState.REFUSED
    assert book.problem == "Rows refused: 1. All or nothing was asked for."
    (row,) = book.rows.all()
    assert (row.verdict, row.problems) == (Verdict.REFUSED, [said])

    changed = shelf.group(OTHER)
    with kept(changed):
        book = shelf.imported(content)
    changed.refresh_from_db()
    assert changed.price == Decimal(77)
    assert (book.state, book.applied, book.changed) == (ImportState.DONE, 1, 1)
    assert (book.refused, book.unchanged) == (1, ROWS - 2)
    (row,) = book.rows.all()
    assert row.problems == [said]
