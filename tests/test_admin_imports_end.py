"""How an import ends: applied in steps, discarded, overtaken by a newer book."""

from functools import partial

import pytest
from django.contrib.admin.models import LogEntry

from holds.admin import imports
from holds.imports import applying
from inventory.models import Caller, Event, TicketGroup
from inventory.models.imports import Import, ImportRow, ImportState
from tests.support.fixtures import Unchanged
from tests.support.rivals import before, outsider
from tests.support.staff import Staff, page_of
from tests.support.uploads import apply, line, press, seen, text, upload

pytestmark = pytest.mark.django_db


def test_apply_goes_on_in_steps(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "SECONDS", 0.0)
    book = upload(staff, text(line("r-1"), line("r-2")))
    answer = press(staff, "apply", book)
    assert (book.state, book.applied) == (ImportState.APPLYING, 0)
    page = staff.page(answer["Location"])
    assert "<strong>0 of 2</strong> applied." in page
    assert '<progress max="2" value="0"' in page
    assert "automator/import.js" in page
    assert "data-goes-on" in page
    later = staff.page(page_of(book))
    assert "The import was interrupted." in later
    assert "data-goes-on" not in later
    assert 'value="Continue"' in later
    monkeypatch.setattr(imports, "SECONDS", 2.0)
    assert press(staff, "apply", book)["Location"] == page_of(book)
    assert (book.state, book.applied) == (ImportState.DONE, 2)


def test_what_is_done_cannot_be_discarded(staff: Staff, unchanged: Unchanged) -> None:
    book = apply(staff, upload(staff, text(line("r-1"))))
    with unchanged():
        press(staff, "discard", book)
    assert book.state == ImportState.DONE


def test_snapshot_of_less_than_half_waits_for_a_yes(staff: Staff, unchanged: Unchanged) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"), line("r-3"))))
    with unchanged():
        book = upload(staff, text(line("r-1")), snapshot="on")
        press(staff, "apply", book)
    assert book.state == ImportState.CONFIRM
    assert "it would take 2 off sale" in seen(staff, book)
    assert 'value="Yes, apply it: change 2 ticket groups"' in staff.page(page_of(book))
    press(staff, "apply", book, confirmed="yes")
    assert (book.state, book.applied) == (ImportState.DONE, 2)


def test_tickets_that_would_become_free_wait_for_a_yes(staff: Staff, unchanged: Unchanged) -> None:
    apply(staff, upload(staff, text(line("r-1", "", 10))))
    with unchanged():
        book = upload(staff, text(line("r-1", "", 14)))
        press(staff, "apply", book)
    assert book.state == ImportState.CONFIRM
    assert "4 tickets would become free that are not free now: 4 of r-1." in seen(staff, book)
    press(staff, "apply", book, confirmed="yes")
    assert (book.state, TicketGroup.objects.get().free) == (ImportState.DONE, 14)


def test_growth_after_the_check_is_told_before_applying(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1", "", 10))))
    book = upload(staff, text(line("r-1", "", 10, price="1.00")))
    group = TicketGroup.objects.get()
    staff.fill_in(page_of(group), quantity="8")
    assert TicketGroup.objects.get().quantity == 8
    assert "Will be refused: It would free 2 more tickets" in seen(staff, book)
    apply(staff, book)
    assert (book.applied, book.refused, TicketGroup.objects.get().quantity) == (0, 1, 8)


@pytest.mark.parametrize("snapshot", [{}, {"snapshot": "on"}])
def test_what_is_discarded_changes_nothing(
    staff: Staff, unchanged: Unchanged, snapshot: dict[str, str]
) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"), line("r-3"))))
    with unchanged():
        book = upload(staff, text(line("r-1", price="1.00")), **snapshot)
        press(staff, "discard", book)
        press(staff, "apply", book, confirmed="yes")
    assert book.finished_at
    assert book.applied == 0
    assert 'type="submit" class="default"' not in staff.page(page_of(book))


def test_one_bad_row_refuses_all_where_that_was_asked(staff: Staff, unchanged: Unchanged) -> None:
    with unchanged():
        book = upload(staff, text(line("r-1"), line("bad id")), strict="on")
        press(staff, "apply", book)
    assert book.state == ImportState.REFUSED
    assert "All or nothing was asked for. Nothing was changed." in seen(staff, book)


def test_newer_book_ends_the_one_that_waits(staff: Staff) -> None:
    older = upload(staff, text(line("r-1", price="1.00")))
    newer = upload(staff, text(line("r-1", price="2.00")))
    press(staff, "apply", older)
    assert (older.state, older.applied) == (ImportState.SUPERSEDED, 0)
    page = seen(staff, older)
    assert "Applied: 0 of 1 ticket groups." in page
    assert "Upload this file again to complete it" in page
    apply(staff, newer)
    assert str(TicketGroup.objects.get().price) == "2.00"


def test_what_a_crash_has_lost_is_told(staff: Staff, unchanged: Unchanged) -> None:
    book = upload(staff, text(line("r-1"), line("r-2")))
    ImportRow.objects.pending(book).delete()
    with unchanged():
        press(staff, "apply", book)
    assert book.state == ImportState.LOST
    assert "0 of 2 were applied. Upload the file again." in seen(staff, book)


def test_announced_date_is_asked_about_though_no_group_changes(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1", date="2027-05-01"))))
    book = upload(staff, text(line("r-1", date="2027-05-01T20:00:00")))
    assert book.state == ImportState.CHECKED
    assert "Only dates of events would be filled in; no ticket group would change." in seen(
        staff, book
    )
    apply(staff, book)
    assert str(Event.objects.get().time) == "20:00:00"


@pytest.mark.django_db(transaction=True)
def test_press_of_apply_while_somebody_else_is_at_it_is_answered(
    staff: Staff, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_TRIES", 2)
    book = upload(staff, text(line("r-1")))
    with unchanged(but=[LogEntry]), outsider() as rival:
        rival.execute("SELECT FROM inventory_import WHERE id = %s FOR UPDATE", (book.pk,))
        answer = press(staff, "apply", book)
    assert book.state == ImportState.CHECKED
    assert "Nothing is applied yet: a newer book is being checked." in staff.page(
        answer["Location"]
    )
    assert history() == ["Uploaded."]


def test_history_has_only_what_happened(staff: Staff) -> None:
    book = upload(staff, text(line("r-1")))
    press(staff, "discard", book)
    press(staff, "apply", book)
    press(staff, "discard", book)
    assert history() == ["Uploaded.", "Discarded."]


def test_discard_that_comes_after_another_browsers_apply_is_not_in_the_history(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = upload(staff, text(line("r-1")))
    with monkeypatch.context() as patch:
        applied = partial(applying.apply, Import.objects.get(), caller=Caller("user kim"))
        before(patch, applying, "drop", applied)
        press(staff, "discard", book)
    assert (book.state, book.applied) == (ImportState.DONE, 1)
    assert history() == ["Uploaded."]


def history() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.order_by("id")]
