"""Books that staff upload in the admin."""

import csv
import io
from typing import TYPE_CHECKING

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inventory.models.imports import Import
from tests.support.staff import Staff, page_of, plain

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

HEADER = "inventory_id,event_name,venue_name,event_date,quantity,section,row,seats,list_price"


def line(remote_id: str, seats: str = "1,2,3,4", quantity: int | str = 4, **changes: str) -> str:
    """A row of a sync snapshot."""
    cells = {"event": "Wicked", "date": "2027-05-01T19:30:00", "section": "211", "price": "40.00"}
    cells |= changes
    return (
        f"{remote_id},{cells['event']},Gershwin Theatre,{cells['date']},{quantity},"
        f'{cells["section"]},7,"{seats}",{cells["price"]}'
    )


def text(*lines: str, header: str = HEADER) -> bytes:
    """A file with these rows."""
    return "\n".join([header, *lines, ""]).encode()


def upload(staff: Staff, content: bytes, name: str = "book.csv", **answers: str) -> Import:
    """The import that an upload makes; its page is where staff are led."""
    file = SimpleUploadedFile(name, content, "text/csv")
    answer = staff.fill_in(page_of(Import, "add"), file=file, **answers)
    book = Import.objects.latest("id")
    assert (answer.status_code, answer["Location"]) == (302, page_of(book))
    return book


def press(staff: Staff, button: str, book: Import, **answers: str) -> "Answer":
    """Press `apply` or `discard` on the page of an import, which is read again."""
    answer = staff.post(address(button, book), answers)
    book.refresh_from_db()
    return answer


def apply(staff: Staff, book: Import) -> Import:
    """Press Apply until it is done, as the page does."""
    while not book.finished_at:
        press(staff, "apply", book)
    return book


def address(name: str, book: Import) -> str:
    """Of a button, or of the download of refused rows."""
    return reverse(f"admin:inventory_import_{name}", args=[book.pk])


def download(staff: Staff, book: Import) -> bytes:
    """The refused rows as a file."""
    answer = staff.get(address("refused", book))
    assert answer.status_code == 200
    return answer.getvalue()


def cells(content: bytes) -> list[list[str]]:
    """The rows of a file."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def seen(staff: Staff, book: Import) -> str:
    """What a reader sees of the page of an import, without its buttons."""
    return " ".join(plain(staff.page(page_of(book)).partition("<h1>")[2]).split())
