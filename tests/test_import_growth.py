"""No import frees more tickets than are free now, unless somebody has said yes to it."""

import pytest

from automator.audit import differences
from holds.imports import applying
from inventory.models.imports import ImportState
from invoices.models import Invoice
from invoices.services import void
from tests.support.fixtures import Unchanged
from tests.support.importing import CALLER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("quantities", ["all", "free"])
@pytest.mark.parametrize(
    ("before", "after", "growth"),
    [
        (line("r-1", "", 10), line("r-1", "", 14), 4),
        (line("r-1"), line("r-1", "1,2,3,4,5", 5), 1),
        (line("r-1"), line("r-1", "", 9), 5),
    ],
)
def test_more_tickets_of_a_group_wait_for_a_yes(
    book: Book, unchanged: Unchanged, *, quantities: str, before: str, after: str, growth: int
) -> None:
    book.imported(before, line("r-2"))
    lines = [after, line("r-2", price="41.00")]
    one, are = ("ticket", "is") if growth == 1 else ("tickets", "are")
    said = f"{growth} {one} would become free that {are} not free now: {growth} of r-1."
    said += " Confirm it if that is meant."
    with unchanged():
        assert book.refused(*lines, quantities=quantities) == f"{said} Nothing was changed."
        waits = book.checked(*lines, quantities=quantities)
        assert (waits.state, waits.problem) == (ImportState.CONFIRM, said)
        assert applying.apply(waits, caller=CALLER).state == ImportState.CONFIRM
    was = book.group("r-1").quantity
    applying.confirm(waits)
    assert applying.apply(waits, caller=CALLER).state == ImportState.DONE
    assert book.group("r-1").quantity == was + growth
    assert list(differences()) == []


def test_yes_can_be_said_in_advance(book: Book) -> None:
    book.imported(line("r-1", "", 10))
    done = book.imported(line("r-1", "", 14), confirm=True)
    assert (done.state, book.group("r-1").quantity) == (ImportState.DONE, 14)
    assert "4 tickets would become free that are not free now: 4 of r-1." in book.out.getvalue()


def test_free_file_that_has_not_deducted_what_is_claimed_waits_for_a_yes(
    book: Book, api: Api, unchanged: Unchanged
) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 4, "g-1")
    late = line("r-1", "", 10, price="40.0")
    with unchanged():
        assert "4 of r-1" in book.refused(late, quantities="free")


def test_first_of_many_are_named_and_all_of_them_counted(book: Book) -> None:
    book.imported(*[line(f"r-{number}", "", 10) for number in range(13)])
    waits = book.checked(*[line(f"r-{number}", "", 11 + number) for number in range(13)])
    assert waits.problem.startswith("91 tickets would become free that are not free now: 13 of r-1")
    assert "4 of r-3, others of 3 more ticket groups. Confirm it" in waits.problem
    longest = [f"{number:x>128}" for number in range(13)]
    book.imported(*[line(one, "", 10) for one in longest])
    assert "Confirm it if" in book.checked(*[line(one, "", 11) for one in longest]).problem


def test_small_snapshot_with_growth_gives_both_reasons(book: Book) -> None:
    book.imported(line("r-1", "", 10), line("r-2"), line("r-3"))
    waits = book.checked(line("r-1", "", 11), snapshot=True)
    assert "it would take 2 off sale. 1 ticket would become free" in waits.problem
    assert waits.problem.count("Confirm it") == 1


def test_new_groups_and_those_that_are_listed_again_need_no_yes(book: Book) -> None:
    book.imported(line("r-1", "", 10), line("r-2"))
    book.imported(line("r-1", "", 10), snapshot=True)
    done = book.imported(line("r-1", "", 10), line("r-2"), line("r-3"), snapshot=True)
    assert (done.state, done.new, done.changed) == (ImportState.DONE, 1, 1)
    book.imported(line("r-1", "", 10), line("r-3"), snapshot=True)
    more = [line("r-1", "", 10), line("r-2", "1,2,3,4,5", 5), line("r-3")]
    assert "1 of r-2" in book.refused(*more, snapshot=True)


def test_fewer_tickets_and_other_facts_need_no_yes(book: Book, api: Api) -> None:
    book.imported(line("r-1", "", 10), line("r-2"))
    api.hold(book.group("r-1"), 4, "g-1")
    done = book.imported(line("r-1", "", 3), line("r-2", "1,2", 2, price="41.00"))
    assert (done.state, done.applied) == (ImportState.DONE, 2)
    assert (book.group("r-1").quantity, book.group("r-1").free) == (4, 0)


def test_tickets_that_are_gone_come_back_with_a_yes_alone(book: Book, api: Api) -> None:
    book.imported(line("r-1"))
    api.hold(book.group("r-1"), 4, "g-1")
    api.invoice("o-1", "g-1")
    void(Invoice.objects.get(), reason="Never came", back_to_stock=False, caller=CALLER)
    assert "4 of r-1" in book.refused(line("r-1"))


@pytest.mark.parametrize("claimed", [False, True])
def test_row_that_would_free_more_by_now_than_was_shown_is_refused(
    book: Book, api: Api, *, claimed: bool
) -> None:
    """Staff have taken tickets out, or put some in, since the check."""
    book.imported(line("r-1", "", 10), line("r-2", "", 10))
    checked = book.checked(line("r-1", "", 12), line("r-2", "", 12))
    applying.confirm(checked)
    for remote_id, quantity in (("r-1", 8), ("r-2", 11)):
        staff = book.checked(line(remote_id, "", quantity), confirmed=True, dry_run=True)
        applying.apply(staff, caller=CALLER)
    if claimed:
        api.hold(book.group("r-1"), 2, "g-1")
        api.hold(book.group("r-2"), 2, "g-2")
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied, done.refused) == (ImportState.DONE, 1, 1)
    assert [book.group(one).quantity for one in ("r-1", "r-2")] == [8, 12]
    (row,) = done.rows.all()
    assert row.problems == [
        (
            "It would free 4 more tickets than are free now, and 2 were shown when the file was "
            "checked: the ticket group has changed since. Import the file again."
        )
    ]
