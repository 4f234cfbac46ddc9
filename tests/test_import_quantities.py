"""What a quantity of free tickets means beside claims, in groups without seat numbers."""

import pytest

from automator.audit import differences
from holds.imports import applying
from tests.support.fixtures import Unchanged
from tests.support.importing import CALLER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_free_tickets_come_on_top_of_the_claimed_ones(book: Book, api: Api) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 4, "g-1")
    done = book.imported(line("r-1", "", 7), quantities="free", confirm=True)
    group = book.group("r-1")
    assert (done.changed, group.quantity, group.free) == (1, 11, 7)
    assert list(differences()) == []


def test_free_tickets_that_are_those_there_change_nothing(
    book: Book, api: Api, unchanged: Unchanged
) -> None:
    book.imported(line("r-1", "", 10), line("r-2"))
    api.hold(book.group("r-1"), 5, "g-1")
    api.hold(book.group("r-2"), 2, "g-2")
    with unchanged():
        done = book.imported(line("r-1", "", 5), line("r-2"), quantities="free")
    assert (done.unchanged, done.changed) == (2, 0)


@pytest.mark.parametrize(("listed", "free"), [(9, 5), (6, 2), (3, 0)])
def test_claim_after_the_check_is_one_of_the_listed_tickets(
    book: Book, api: Api, listed: int, free: int
) -> None:
    book.imported(line("r-1", "", 9))
    checked = book.checked(line("r-1", "", listed, price="41.00"), quantities="free")
    api.hold(book.group("r-1"), 4, "g-1")
    done = applying.apply(checked, caller=CALLER)
    assert (done.applied, book.group("r-1").free) == (1, free)
    assert list(differences()) == []


def test_claims_before_and_after_the_check_are_told_apart(book: Book, api: Api) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 2, "g-1")
    checked = book.checked(line("r-1", "", 7), quantities="free")
    api.hold(book.group("r-1"), 3, "g-2")
    api.invoice("o-1", "g-1")
    applying.apply(checked, caller=CALLER)
    group = book.group("r-1")
    assert (group.quantity, group.held, group.sold, group.free) == (9, 3, 2, 4)


def test_release_after_the_check_gives_back_what_the_file_had_deducted(
    book: Book, api: Api
) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 2, "g-1")
    checked = book.checked(line("r-1", "", 7), quantities="free")
    api.release("g-1")
    applying.apply(checked, caller=CALLER)
    assert book.group("r-1").free == 9


def test_new_price_of_a_group_with_claims_is_no_change_of_its_stock(book: Book, api: Api) -> None:
    book.imported(line("r-1"), line("r-2", "", 10))
    for remote_id in ("r-1", "r-2"):
        api.hold(book.group(remote_id), 2, f"g-{remote_id}")
    done = book.imported(line("r-1", price="50.00"), line("r-2", "", 10, price="50.00"))

    assert (done.changed, book.prices()) == (2, ["50.00", "50.00"])
    assert [book.group(remote_id).entries for remote_id in ("r-1", "r-2")] == [2, 2]
