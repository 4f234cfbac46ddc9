"""The refused rows of an import: downloaded, put right and uploaded again."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from inventory.models import TicketGroup
from inventory.models.imports import Import
from tests.support.book_files import row_of, text_of
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of
from tests.support.uploads import HEADER, apply, cells, download, line, text, upload

pytestmark = pytest.mark.django_db


def corrected(content: bytes, column: str, cell: str) -> bytes:
    """The downloaded file as a spreadsheet saves it, with one cell of its only row put right."""
    header, row = cells(content)
    row[header.index(column)] = cell
    saved = io.StringIO(newline="")
    csv.writer(saved).writerows([header, row])
    return saved.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("form", ["tevo", "classic", "sync"])
def test_refused_row_is_put_right_in_the_download_and_goes_in(form: str, staff: Staff) -> None:
    quantity = "quantity" if form == "sync" else "Quantity"
    wrong = row_of(form, **{quantity: "5"})
    book = upload(staff, text_of(wrong))
    header, row = cells(download(staff, book))
    assert header == ["Line", "Reasons", *wrong]
    assert row[0] == "2"
    assert "but the quantity is 5" in row[1]
    assert row[2:] == list(wrong.values())

    again = upload(staff, corrected(download(staff, book), quantity, "4"), "refused-rows.csv")

    assert (again.new, again.refused, again.ignored) == (1, 0, ["Line", "Reasons"])
    apply(staff, again)
    group = TicketGroup.objects.get()
    assert (group.remote_id, group.seats) == ("600100000", ["7", "8", "9", "10"])
    assert group.public_notes == "Aisle seats"


def test_refused_row_of_a_free_book_stays_as_old_as_its_file(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1", "", 10))))
    book = upload(staff, text(line("r-1", "", 10, price="free")), quantities="free")
    api.hold(TicketGroup.objects.get(), 4, "g-1")
    content = download(staff, book)
    assert cells(content)[0][:3] == ["Line", "Reasons", "AsOf"]

    again = upload(staff, corrected(content, "list_price", "41"), quantities="free")

    assert again.as_of == book.as_of
    apply(staff, again)
    group = TicketGroup.objects.get()
    assert (group.quantity, group.free, str(group.price)) == (10, 6, "41.00")


def test_row_that_a_claim_refuses_says_as_of_when_it_is_too(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"))))
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    stamp = "2026-11-23 18:04:05.000000 UTC"
    moved = text(f"{line('r-1', section='212')},{stamp}", header=f"{HEADER},as_of")
    book = upload(staff, moved, quantities="free")
    header, row = cells(download(staff, book))
    assert dict(zip(header, row, strict=True))["as_of"] == stamp


def test_download_has_every_refused_row_and_no_other(staff: Staff) -> None:
    lines = [line("r-1"), *(line(f"bad {number}") for number in range(25)), line("r-2")]
    book = apply(staff, upload(staff, text(*lines)))
    rows = cells(download(staff, book))
    assert [row[2] for row in rows[1:]] == [f"bad {number}" for number in range(25)]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(3, 28)]
    page = staff.page(page_of(book))
    assert "the first 20" in page
    assert "bad 19" in page
    assert "bad 20" not in page


def test_spreadsheet_reads_it_as_utf_8_and_runs_nothing(staff: Staff) -> None:
    evil = '=HYPERLINK("http://x")'
    wrong = row_of("sync", quantity="0", public_notes=evil, section="Élysée", row="NULL")
    content = download(staff, upload(staff, text_of(wrong)))
    assert content.startswith(b"\xef\xbb\xbf")
    header, row = cells(content)
    cell = dict(zip(header, row, strict=True))
    assert cell["public_notes"] == f"'{evil}"
    assert (cell["section"], cell["row"]) == ("Élysée", "NULL")
    again = upload(staff, corrected(corrected(content, "quantity", "4"), "row", "7"))
    apply(staff, again)
    assert TicketGroup.objects.get().public_notes == evil


def test_cell_that_was_defused_reads_the_same_after_the_round(staff: Staff) -> None:
    wrong = row_of("sync", quantity="0", public_notes="'=1+1", internal_notes="'quoted")
    content = download(staff, upload(staff, text_of(wrong)))
    apply(staff, upload(staff, corrected(content, "quantity", "4")))
    group = TicketGroup.objects.get()
    assert (group.public_notes, group.internal_notes) == ("=1+1", "'quoted")


def test_row_that_is_left_as_it_is_is_refused_again(staff: Staff) -> None:
    rounded = row_of("sync", inventory_id="6.001E+08")
    again = upload(staff, download(staff, upload(staff, text_of(rounded))))
    assert (again.new, again.refused) == (0, 1)


FACTS = {
    "sync": {"cost": "30.00", "split_type": "CUSTOM", "custom_split": "2,4", "in_hand": "N"},
    "classic": {"Cost": "30.00", "SplitType": "CUSTOM", "SplitValue": "2:4"},
    "tevo": {},
}


@pytest.mark.parametrize("form", FACTS)
def test_row_that_a_claim_forbids_is_whole_in_the_download(
    form: str, staff: Staff, api: Api
) -> None:
    section = "section" if form == "sync" else "Section"
    rows = row_of(form, **FACTS[form]), row_of(form, **FACTS[form], **{section: "Orchestra"})
    apply(staff, upload(staff, text_of(rows[0])))
    was = facts()
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    refused = apply(staff, upload(staff, text_of(rows[1])))
    assert refused.refused == 1
    api.release("g-1")

    apply(staff, upload(staff, download(staff, refused)))

    assert facts() == {**was, "section": "Orchestra"}


def facts() -> dict[str, Any]:
    """What the one group is, without its counters."""
    (group,) = TicketGroup.objects.values()
    return {name: value for name, value in group.items() if name not in {"entries", "held"}}


def test_row_that_a_claim_forbids_names_the_claim(staff: Staff, api: Api) -> None:
    apply(staff, upload(staff, text(line("r-1"))))
    api.hold(TicketGroup.objects.get(), 2, "g-1")
    book = apply(staff, upload(staff, text(line("r-1", section="212", price="1.50"))))
    header, row = cells(download(staff, book))
    assert header == ["Line", "Reasons", *HEADER.split(",")]
    assert "under the claim g-1" in row[1]
    assert row[2:] == [
        *("r-1", "Wicked", "Gershwin Theatre", "2027-05-01T19:30:00"),
        *("4", "212", "7", "1,2,3,4", "1.50"),
    ]
    assert TicketGroup.objects.get().price == Decimal("40.00")


def test_row_that_was_cut_stands_there_as_it_is(staff: Staff) -> None:
    short, long = "r-1,Wicked", line("r-2") + ",one,more"
    rows = cells(download(staff, upload(staff, text(short, long))))
    assert rows[1][2:] == ["r-1", "Wicked"]
    assert rows[2][-2:] == ["one", "more"]


def test_import_with_nothing_refused_has_only_the_headers(staff: Staff) -> None:
    book = apply(staff, upload(staff, text(line("r-1"))))
    assert cells(download(staff, book)) == [["Line", "Reasons", *HEADER.split(",")]]
    assert "Download" not in staff.page(page_of(book))


def test_many_refused_rows_come_in_batches(staff: Staff) -> None:
    book = upload(staff, text(*(line(f"bad {number}") for number in range(1001))))
    rows = cells(download(staff, book))
    assert [row[2] for row in rows[1:]] == [f"bad {number}" for number in range(1001)]
    assert Import.objects.get().refused == 1001
