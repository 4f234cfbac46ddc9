"""How much an import asks of PostgreSQL: nothing is written where nothing changes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import LedgerEntry, TicketGroup
from tests.support.fixtures import Unchanged
from tests.support.importing import Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

WRITES = ("UPDATE", "INSERT", "DELETE", "WITH")


def rows(number: int, price: str = "40.00") -> list[str]:
    return [line(f"r-{one}", price=price) for one in range(number)]


def statements(book: Book, *lines: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        book.imported(*lines, snapshot=True)
    return [query["sql"].strip() for query in captured.captured_queries]


def test_same_file_again_asks_as_much_for_three_rows_as_for_thirty(
    book: Book, unchanged: Unchanged
) -> None:
    counts = []
    for number in (3, 30):
        book.imported(*rows(number))
        with unchanged():
            counts.append(len(statements(book, *rows(number))))
    assert counts == [counts[0]] * 2
    assert counts[0] <= 75


def test_same_file_again_writes_to_no_group_and_to_no_ledger(book: Book, api: Api) -> None:
    book.imported(*rows(3))
    api.hold(book.group("r-1"), 2, "g-1")
    for sql in statements(book, *rows(3)):
        if sql.startswith(WRITES):
            written = sql.replace("SELECT", "").split("FROM")[0]
            assert TicketGroup._meta.db_table not in written
            assert LedgerEntry._meta.db_table not in written


def test_change_of_many_groups_asks_as_much_as_of_few(book: Book) -> None:
    book.imported(*rows(30))
    few = len(statements(book, *rows(3, price="50.00"), *rows(30)[3:]))
    many = len(statements(book, *rows(30, price="60.00")))
    assert few == many
    assert book.prices() == ["60.00"] * 30
