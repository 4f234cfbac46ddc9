"""Snapshots: what the whole book does not have goes off sale, once that is certain."""

import pytest

from holds.imports import applying
from inventory.models import TicketGroup
from inventory.models.imports import Import, ImportState, Verdict
from invoices.models import Invoice
from invoices.services import void
from tests.support.factories import EventFactory
from tests.support.fixtures import Unchanged
from tests.support.importing import CALLER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_snapshot_takes_off_sale_what_it_does_not_have_and_puts_it_back(
    book: Book, api: Api
) -> None:
    book.imported(line("r-1"), line("r-2"))
    api.hold(book.group("r-2"), 2, "g-1")
    done = book.imported(line("r-1"), snapshot=True)
    assert (done.vanished, done.applied) == (1, 1)
    assert api.hold(book.group("r-2"), 2, "g-2").json()["code"] == "not_for_sale"
    assert book.group("r-2").held == 2
    assert api.invoice("o-1", "g-1").status_code == 201
    book.imported(line("r-1"), line("r-2"), snapshot=True)
    assert api.hold(book.group("r-2"), 2, "g-3").status_code == 201


def test_snapshot_of_less_than_half_is_refused_unless_confirmed(
    book: Book, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    with unchanged():
        assert "Confirm it" in book.refused(line("r-1"), snapshot=True)
        assert "Confirm it" in book.refused(snapshot=True)
    assert book.imported(line("r-1"), snapshot=True, confirm=True).vanished == 2


def test_snapshot_that_waits_for_a_yes_is_applied_after_it(
    book: Book, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    waits = book.checked(line("r-1"), snapshot=True)
    assert (waits.state, waits.vanished) == (ImportState.CONFIRM, 2)
    assert "1 good rows, and 3 ticket groups are listed" in waits.problem
    with unchanged():
        assert applying.apply(waits, caller=CALLER).state == ImportState.CONFIRM
    applying.confirm(waits)
    assert (waits.state, waits.problem) == (ImportState.CHECKED, "")
    assert applying.apply(waits, caller=CALLER).state == ImportState.DONE
    assert TicketGroup.objects.filter(listed=True).get() == book.group("r-1")


def test_snapshot_that_waits_for_a_yes_is_refused_without_it(
    book: Book, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    with unchanged():
        waits = book.checked(line("r-1"), line("bad id"), snapshot=True)
        applying.drop(waits)
    assert (waits.state, bool(waits.finished_at)) == (ImportState.REFUSED, True)
    assert "Confirm it if that is meant." in waits.problem
    assert [row.verdict for row in waits.rows.all()] == [Verdict.REFUSED]


def test_checked_import_that_is_dropped_was_a_dry_run(book: Book, unchanged: Unchanged) -> None:
    checked = book.checked(line("r-1"))
    with unchanged():
        applying.drop(checked)
    assert (checked.state, checked.rows.count()) == (ImportState.DRY_RUN, 0)


def test_command_without_confirmation_ends_the_import(book: Book, unchanged: Unchanged) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    with unchanged():
        said = book.refused(line("r-1"), snapshot=True)
    assert said.endswith("Confirm it if that is meant. Nothing was changed.")
    ended = Import.objects.latest("id")
    assert (ended.rows.count(), bool(ended.finished_at)) == (0, True)


def test_group_with_nothing_free_does_not_vanish_from_a_book_of_free_tickets(
    book: Book, api: Api, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"), line("r-2", "", 2), line("r-3"), line("r-4"), line("r-5"))
    api.hold(book.group("r-1"), 4, "g-1")
    api.hold(book.group("r-2"), 2, "g-2")
    TicketGroup.objects.filter(remote_id="r-3").update(on_sale=False)
    past = EventFactory(broker=book.broker, date="2020-01-01")
    TicketGroup.objects.filter(remote_id="r-4").update(event=past)
    with unchanged():
        done = book.imported(line("r-5"), snapshot=True, quantities="free")
    assert (done.state, done.unchanged, done.vanished) == (ImportState.DONE, 1, 0)


def test_group_with_free_tickets_vanishes_from_a_book_of_free_tickets(book: Book, api: Api) -> None:
    book.imported(line("r-1"), line("r-2"))
    api.hold(book.group("r-1"), 2, "g-1")
    done = book.imported(line("r-2"), snapshot=True, quantities="free")
    assert (done.vanished, done.applied) == (1, 1)
    assert (book.group("r-1").listed, book.group("r-1").held) == (False, 2)


def test_half_of_what_is_for_sale_is_enough_for_a_book_of_free_tickets(
    book: Book, api: Api
) -> None:
    book.imported(*[line(f"r-{number}") for number in range(6)])
    for number in range(4):
        api.hold(book.group(f"r-{number}"), 4, f"g-{number}")
    assert book.imported(line("r-5"), snapshot=True, quantities="free").vanished == 1


def test_group_whose_tickets_are_all_gone_does_not_vanish(book: Book, api: Api) -> None:
    book.imported(line("r-1"), line("r-2"))
    api.hold(book.group("r-2"), 4, "g-1")
    api.invoice("o-1", "g-1")
    void(Invoice.objects.get(), reason="Never came", back_to_stock=False, caller=CALLER)

    assert book.imported(line("r-1"), snapshot=True).vanished == 0
    assert book.group("r-2").listed


@pytest.mark.parametrize(
    "spoilt",
    [
        line("r-2") + ",extra",
        "Wicked," + line("r-2"),
        '"r-2","Wicked" again,Gershwin Theatre',
        " r-2 ;Wicked,",
    ],
)
def test_group_whose_row_cannot_be_read_does_not_vanish(book: Book, spoilt: str) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"), line("r-4"))
    done = book.imported(line("r-1"), spoilt, line("r-3"), snapshot=True)
    assert (done.refused, done.vanished) == (1, 1)
    assert [book.group(f"r-{number}").listed for number in (2, 4)] == [True, False]


def test_what_has_vanished_does_not_vanish_again(book: Book, unchanged: Unchanged) -> None:
    book.imported(line("r-1"), line("r-2"))
    book.imported(line("r-1"), snapshot=True)
    with unchanged():
        again = book.imported(line("r-1"), snapshot=True)
    assert (again.vanished, again.applied) == (0, 0)
