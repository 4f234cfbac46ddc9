"""Who may import, and see what was imported: the broker's own users and nobody else."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from holds.imports import applying, checking
from inventory.models import Broker, TicketGroup
from inventory.models.imports import Import, ImportState
from tests.support.factories import BrokerFactory, UserFactory
from tests.support.fixtures import Unchanged
from tests.support.staff import Staff, page_of
from tests.support.uploads import address, apply, line, press, text, upload

pytestmark = pytest.mark.django_db

BUTTONS = ("apply", "discard")


@pytest.fixture
def theirs(db: None) -> Import:
    """An import of another broker that waits, with a refused row."""
    stranger = Staff(UserFactory(broker=BrokerFactory(name="Omega"), username="stranger"))
    return upload(stranger, text(line("omega-1"), line("omega 2")), "omega.csv")


def test_superuser_imports_for_the_broker_that_is_chosen(boss: Staff, broker: Broker) -> None:
    other = BrokerFactory(name="Omega")
    book = apply(boss, upload(boss, text(line("r-1")), broker=str(other.pk)))
    assert (book.broker, TicketGroup.objects.get().broker) == (other, other)
    assert "Omega" in boss.page(page_of(Import))
    assert "Omega" in boss.page(page_of(book))


def test_superuser_has_to_choose(boss: Staff, broker: Broker) -> None:
    file = SimpleUploadedFile("book.csv", text(line("r-1")))
    answer = boss.fill_in(page_of(Import, "add"), file=file, broker="")
    assert "This field is required." in answer.content.decode()
    assert not Import.objects.exists()


def test_user_of_a_broker_imports_for_no_other(staff: Staff, broker: Broker) -> None:
    other = BrokerFactory(name="Omega")
    assert "Omega" not in staff.page(page_of(Import, "add"))
    book = upload(staff, text(line("r-1")), broker=str(other.pk))
    assert book.broker == broker


def test_import_of_another_broker_is_not_there(
    staff: Staff, theirs: Import, unchanged: Unchanged
) -> None:
    with unchanged():
        assert "omega" not in staff.page(page_of(Import))
        for name in BUTTONS:
            assert staff.post(address(name, theirs), {"confirmed": "yes"}).status_code == 404
        assert staff.get(address("refused", theirs)).status_code == 404
        answer = staff.get(page_of(theirs), follow=True)
        assert answer.redirect_chain == [("/admin/", 302)]
        assert "omega" not in answer.content.decode()
    theirs.refresh_from_db()
    assert theirs.state == ImportState.CHECKED


def test_user_without_a_broker_may_do_nothing(theirs: Import) -> None:
    nobody = Staff(UserFactory(broker=None))
    for page in (page_of(Import), page_of(Import, "add"), page_of(theirs)):
        assert nobody.get(page).status_code == 403
    assert nobody.get(address("refused", theirs)).status_code == 403
    for name in BUTTONS:
        assert nobody.post(address(name, theirs)).status_code == 403
    file = SimpleUploadedFile("book.csv", text(line("r-1")))
    assert nobody.post(page_of(Import, "add"), {"file": file}).status_code == 403
    assert Import.objects.count() == 1


def test_strangers_are_asked_to_log_in(theirs: Import) -> None:
    pages = [page_of(Import), page_of(Import, "add"), page_of(theirs)]
    for page in [*pages, *(address(name, theirs) for name in (*BUTTONS, "refused"))]:
        for send in (Client().get, Client().post):
            assert send(page)["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("name", BUTTONS)
def test_opening_the_address_of_a_button_does_nothing(name: str, staff: Staff) -> None:
    book = upload(staff, text(line("r-1")))
    assert staff.get(address(name, book)).status_code == 405
    book.refresh_from_db()
    assert book.state == ImportState.CHECKED


def test_forms_of_other_sites_are_refused(staff: Staff, broker: Broker) -> None:
    book = upload(staff, text(line("r-1")))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff.user)
    for page in (page_of(Import, "add"), *(address(name, book) for name in BUTTONS)):
        assert strict.post(page).status_code == 403
    assert Import.objects.count() == 1


def test_nothing_of_an_import_can_be_edited_or_deleted(staff: Staff, boss: Staff) -> None:
    book = apply(staff, upload(staff, text(line("r-1"))))
    for user in (staff, boss):
        user.post(page_of(book), {"file_name": "other.csv", "state": "checked"})
        assert user.get(page_of(book, "delete")).status_code == 403
    book.refresh_from_db()
    assert (book.file_name, book.state) == ("book.csv", ImportState.DONE)


def test_import_that_was_never_there_is_not_found(staff: Staff) -> None:
    for pk in (999_999, 10**30):
        assert staff.post(reverse("admin:inventory_import_apply", args=[pk])).status_code == 404
        answer = staff.get(reverse("admin:inventory_import_change", args=[pk]))
        assert answer["Location"] == "/admin/"


def busy(*args: object, **options: object) -> None:
    raise OperationalError("canceling statement due to lock timeout")


def test_busy_database_is_told_where_a_book_is_applied(
    staff: Staff, monkeypatch: pytest.MonkeyPatch, unchanged: Unchanged
) -> None:
    book = upload(staff, text(line("r-1")))
    with unchanged(), monkeypatch.context() as patch:
        patch.setattr(applying, "apply", busy)
        press(staff, "apply", book)
    assert "The database is busy just now." in staff.page(page_of(book))
    assert apply(staff, book).state == ImportState.DONE


def test_busy_database_is_told_where_a_book_is_uploaded(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "check", busy)
    file = SimpleUploadedFile("book.csv", text(line("r-1")))
    answer = staff.fill_in(page_of(Import, "add"), file=file)
    assert "The database is busy. Nothing has changed" in answer.content.decode()


def test_list_shows_the_counts_with_as_many_queries_for_three_as_for_one(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("bad id"))))
    assert staff.table(page_of(Import))[0][2:] == [
        *("Done", "2", "1", "0", "0", "1", "0", "1"),
    ]
    assert queries(staff, page_of(Import)) == 5
    upload(staff, text(line("r-1")))
    upload(staff, text(line("r-2")))
    assert len(staff.table(page_of(Import))) == 3
    assert queries(staff, page_of(Import)) == 5


@pytest.mark.parametrize("rows", [1, 3])
def test_page_takes_as_many_queries_for_three_rows_as_for_one(staff: Staff, rows: int) -> None:
    numbers = range(rows)
    stock = [line(f"{kind}-{n}") for kind in ("same", "old", "gone") for n in numbers]
    apply(staff, upload(staff, text(*stock)))
    lines = [line(f"same-{n}") for n in numbers]
    lines += [line(f"old-{n}", section="212", date=f"2027-06-0{n + 1}") for n in numbers]
    lines += [line(f"new-{n}") for n in numbers] + [line(f"bad {n}") for n in numbers]
    book = upload(staff, text(*lines), snapshot="on")
    assert (book.changed, book.new, book.vanished, book.refused) == (rows, rows, rows, rows)
    assert queries(staff, page_of(book)) == 13


def queries(staff: Staff, page: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        staff.page(page)
    return len(captured)


def test_list_is_searched_and_filtered(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1")), "monday.csv"))
    upload(staff, text(line("r-2")), "tuesday.csv")
    assert staff.first_column(f"{page_of(Import)}?q=mon") == ["monday.csv"]
    assert staff.first_column(f"{page_of(Import)}?state__exact=checked") == ["tuesday.csv"]
