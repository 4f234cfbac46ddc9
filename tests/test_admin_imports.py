"""Importing a book in the admin: upload it, see what it would change, apply it."""

import zoneinfo
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.utils import timezone

from automator.audit import differences
from holds.admin import upload_form
from inventory.models import Broker, LedgerEntry, TicketGroup
from inventory.models.imports import Import, ImportState
from inventory.transactions import TIME_LIMITS
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import outsider
from tests.support.staff import Staff, page_of
from tests.support.uploads import HEADER, apply, line, seen, text, upload

pytestmark = pytest.mark.django_db

BOOKS = Path(__file__).parent / "books"


@pytest.mark.parametrize("name", ["tevo", "sync", "classic"])
def test_book_is_uploaded_looked_at_and_applied(
    name: str, staff: Staff, broker: Broker, unchanged: Unchanged
) -> None:
    with unchanged():
        book = upload(staff, (BOOKS / f"{name}.csv").read_bytes(), f"{name}.csv")
        page = seen(staff, book)
    assert page.startswith(f"{name}.csv")
    assert "Checked, nothing applied yet" in page
    assert "1,537 rows in the file" in page
    assert "600100000 Cirque du Soleil &quot;O&quot;" in page
    assert "clerk, Nov. " in page
    assert 'value="Apply: change 1,537 ticket groups"' in staff.page(page_of(book))

    apply(staff, book)

    assert "Applied: 1,537 of 1,537 ticket groups." in seen(staff, book)
    assert TicketGroup.objects.filter(broker=broker).count() == 1537
    assert set(LedgerEntry.objects.values_list("asked_by")) == {("user clerk",)}
    assert list(differences()) == []


def test_same_book_again_has_nothing_to_ask(staff: Staff, unchanged: Unchanged) -> None:
    content = text(line("r-1"), line("r-2"))
    apply(staff, upload(staff, content))
    with unchanged():
        again = upload(staff, content, snapshot="on")
    assert (again.state, again.unchanged) == (ImportState.DONE, 2)
    assert "No ticket group had to change." in seen(staff, again)


def test_differences_stand_side_by_side(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"))))
    changed = line("r-2", "1,2", 2, section="212", price="1600.00", date="2027-05-02T20:00:00")
    page = seen(staff, upload(staff, text(line("r-1"), changed)))
    for difference in (
        "3 r-2 Section 211 212",
        "Price 40.00 USD 1,600.00 USD",
        "Event Wicked, Sat May 1, 2027, 7:30 PM Wicked, Sun May 2, 2027, 8:00 PM",
        "Quantity 4 2",
        "Seats 1-4 1-2",
    ):
        assert difference in page
    assert "r-1" not in page


def test_difference_is_shown_as_it_will_be_with_claims_kept(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"))))
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    book = upload(staff, text(line("r-1", "5,6", 2)))
    assert "Seats 1-4 1, 2, 5, 6" in seen(staff, book)
    apply(staff, book)
    assert TicketGroup.objects.get().seats == ["1", "2", "5", "6"]


def test_contradiction_is_refused_by_name_on_the_page(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"))))
    api.hold(TicketGroup.objects.get(remote_id="r-1"), 2, "g-1")
    book = upload(staff, text(line("r-1", section="212"), line("r-2", section="212")))
    assert "2 r-1 Event, section or row would change under the claim g-1" in seen(staff, book)
    apply(staff, book)
    assert (book.applied, book.refused) == (1, 1)
    assert "Refused rows were left out and are listed below." in seen(staff, book)
    assert list(TicketGroup.objects.values_list("remote_id", "section").order_by("remote_id")) == [
        ("r-1", "211"),
        ("r-2", "212"),
    ]


def test_claim_that_comes_after_the_check_is_told_before_applying(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"))))
    book = upload(staff, text(line("r-1", section="212")))
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    assert "Will be refused: Event, section or row would change" in seen(staff, book)


def test_vanished_groups_are_shown_with_what_is_claimed(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"))))
    api.hold(TicketGroup.objects.get(remote_id="r-2"), 2, "g-1")
    book = upload(staff, text(line("r-1")), snapshot="on")
    assert "r-2 Wicked, Sat May 1, 2027, 7:30 PM 211 7 2 2 0" in seen(staff, book)
    apply(staff, book)
    assert not TicketGroup.objects.get(remote_id="r-2").listed


def test_refused_rows_are_shown_with_all_their_reasons(staff: Staff) -> None:
    book = upload(staff, text(line("r-1"), line("r-2", "1,2", 3, price="free")))
    page = seen(staff, book)
    assert "3 r-2 seats “1,2” makes 2 seats, but the quantity is 3" in page
    assert "list_price “free” must be an amount" in page


def test_bar_chart_has_a_segment_for_each_count(staff: Staff) -> None:
    apply(staff, upload(staff, text(line("r-1"), line("r-2"), line("r-3"))))
    lines = [line("r-1"), line("r-2", price="1.00"), line("r-4"), line("r-5", quantity=0)]
    page = staff.page(page_of(upload(staff, text(*lines), snapshot="on")))
    label = "New: 1, Changed: 1, Unchanged: 1, Vanished: 1, Refused: 1"
    assert f'aria-label="{label}"' in page
    for part, x in {"new": 0, "changed": 200, "unchanged": 400, "vanished": 600}.items():
        assert f'<rect class="{part}" x="{x}" width="200"' in page


def test_file_that_cannot_be_read_is_on_record_with_its_reason(
    staff: Staff, unchanged: Unchanged
) -> None:
    header = HEADER.replace(",list_price", "")
    with unchanged():
        for content, reason in (
            (text(header=header), "The file lacks the column list_price"),
            (b"", "The file is empty. A book begins with its column names."),
            (b"PK\x03\x04...", "This is an Excel workbook (.xlsx) or a zip file"),
            (text(line("r-1")) + b'r-2,"cut', "The quote that opens in line 3 is not closed."),
        ):
            book = upload(staff, content)
            assert book.state == ImportState.REFUSED
            assert reason in seen(staff, book)
    assert Import.objects.count() == 4


def test_options_are_those_of_the_check(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1", "", 10))))
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    book = apply(staff, upload(staff, text(line("r-1", "", 5)), quantities="free", format="sync"))
    assert (book.format, book.quantities) == ("sync", "free")
    assert TicketGroup.objects.get().free == 5
    refused = upload(staff, text(line("r-1", "", 5)), format="tevo")
    assert "which the tevo format needs" in seen(staff, refused)


def test_upload_says_as_of_when_the_file_is(
    staff: Staff, broker: Broker, api: Api, unchanged: Unchanged
) -> None:
    apply(staff, upload(staff, text(line("r-1", "", 10))))
    zone = zoneinfo.ZoneInfo(broker.time_zone)
    moment = timezone.now().astimezone(zone).replace(microsecond=0) + timedelta(seconds=1)
    api.hold(TicketGroup.objects.get(), 4, "g-1")
    content = text(line("r-1", "", 10, price="40.0"))
    with unchanged():
        late = upload(staff, content, quantities="free")
        assert (late.state, late.as_of) == (ImportState.CONFIRM, late.started_at)
        said = (moment - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S")
        book = upload(staff, content, quantities="free", as_of=said)
    assert (book.state, book.unchanged) == (ImportState.DONE, 1)
    assert "Shows the inventory as of" in seen(staff, book)


def test_moment_in_the_future_is_refused_on_the_page(staff: Staff, unchanged: Unchanged) -> None:
    with unchanged():
        book = upload(staff, text(line("r-1")), as_of="2060-01-01T00:00")
    assert "which is in the future" in seen(staff, book)
    answer = staff.fill_in(
        page_of(Import, "add"), file=SimpleUploadedFile("a.csv", b""), as_of="soon"
    )
    assert "Enter a valid date/time." in answer.content.decode()


def test_same_file_again_says_which_import_it_was(staff: Staff) -> None:
    first = apply(staff, upload(staff, text(line("r-1"))))
    page = seen(staff, upload(staff, text(line("r-1"))))
    assert "This is the same file as the import of Nov. " in page
    assert page_of(first) in staff.page(page_of(Import.objects.latest("id")))
    assert "same file" not in seen(staff, first)


@pytest.mark.django_db(transaction=True)
def test_upload_while_another_file_is_checked_is_told_so(
    staff: Staff, broker: Broker, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIME_LIMITS, "lock_timeout", "50ms")
    file = SimpleUploadedFile("book.csv", text(line("r-1")))
    with unchanged(), outsider() as rival:
        rival.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('books of broker ' || %s, 0))",
            (broker.id,),
        )
        answer = staff.fill_in(page_of(Import, "add"), file=file)
    assert "Another file of this broker is being checked." in answer.content.decode()
    assert not Import.objects.exists()


def test_columns_that_go_nowhere_are_named(staff: Staff) -> None:
    header = f"{HEADER},Colour,zone"
    page = seen(staff, upload(staff, text(f"{line('r-1')},red,north", header=header)))
    assert "Unknown columns, ignored Colour" in page
    assert "Known columns that are not kept zone" in page


def test_large_file_is_read_from_disk(staff: Staff) -> None:
    with override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=1000):
        book = upload(staff, (BOOKS / "sync.csv").read_bytes())
    assert book.new == 1537


def test_upload_without_a_file_asks_for_one(staff: Staff) -> None:
    answer = staff.fill_in(page_of(Import, "add"))
    assert "This field is required." in answer.content.decode()
    assert not Import.objects.exists()


def test_file_that_is_too_large_is_told_what_to_do(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_form, "MOST_BYTES", 100)
    file = SimpleUploadedFile("book.csv", text(line("r-1")))
    answer = staff.fill_in(page_of(Import, "add"), file=file)
    assert "The file has over 100 MB. Cut it into parts" in answer.content.decode()
    assert not Import.objects.exists()
