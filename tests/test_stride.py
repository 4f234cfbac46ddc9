"""How far apart the seats of a row are: decided when a group is stocked, and kept from then on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from holds import staff
from holds.staff import Wanted, new_global_id
from inventory import services
from inventory.models import Broker, TicketGroup
from invoices.models import Invoice
from invoices.services import void
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import BringTo
from tests.support.importing import Book, line
from tests.support.marketplace import Api
from tests.support.rivals import agrees
from tests.support.staff import Staff, page_of
from tests.test_staff_hold import CLERK

pytestmark = pytest.mark.django_db


def stride(group: TicketGroup) -> int | None:
    group.refresh_from_db()
    found: int | None = group.stride
    return found


@pytest.mark.parametrize(
    ("seats", "expected"),
    [
        (["7", "8"], 1),
        (["7", "9", "11"], 2),
        (["2", "6"], 2),
        (["7"], None),
        (["A", "B"], None),
        ([], None),
    ],
)
def test_new_group_gets_what_its_seats_tell(
    broker: Broker, seats: list[str], expected: int | None
) -> None:
    group = TicketGroupFactory(broker=broker, seats=seats, quantity=len(seats) or 3)

    assert stride(group) == expected


def test_seats_do_not_become_neighbours_when_the_one_between_them_is_gone(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=["7", "8", "9"])
    for seat in (7, 8, 9):
        api.hold(group, 1, f"g-{seat}")
    api.invoice("o-1", "g-8")
    void(Invoice.objects.get(), reason="Never came", back_to_stock=False, caller=CLERK)
    api.release("g-7")
    api.release("g-9")

    group.refresh_from_db()
    assert (group.seats, group.stride) == (["7", "9"], 1)
    assert api.hold(group, 2, "g-1").json()["code"] == "insufficient_tickets"
    assert api.hold(group, 1, "g-2").json()["seats"] == ["7"]


def test_late_invoice_takes_no_seats_that_are_apart(
    bring_to: BringTo, api: Api, staff: Staff
) -> None:
    group = bring_to("expired")  # it had 7 and 8
    staff.fill_in(page_of(group), seats="7, 9, 11")

    assert api.invoice("o-1", "g-1").json()["code"] == "tickets_unavailable"
    staff.fill_in(page_of(group), stride="2")
    assert api.invoice("o-1", "g-1").json()["seats"] == ["7", "9"]


BOOKS = [
    ("7,8,9", "7,9", 1),
    ("7,9,11", "7,8,9,10", 1),
    ("7,9,11", "9,11,13", 2),
    ("7,9,11", "7,11", 2),
    ("7", "7,9", 2),
    ("7,8", "8", 1),
    ("1,2,3,4", "7,9,11", 2),
    ("7,9,11", "1,2,3", 1),
]


@pytest.mark.parametrize(("before", "after", "expected"), BOOKS)
def test_later_book_keeps_it_unless_the_seats_are_others(
    book: Book, before: str, after: str, expected: int
) -> None:
    for seats in (before, after):
        book.imported(line("r-1", seats, len(seats.split(","))), confirm=True)

    group = book.group("r-1")
    assert (group.seats, group.stride) == (after.split(","), expected)


@pytest.mark.parametrize(("before", "after", "expected"), BOOKS[:-2])
def test_later_book_does_the_same_to_a_group_with_claims(
    book: Book, before: str, after: str, expected: int
) -> None:
    book.imported(line("r-1", before, len(before.split(","))))
    group = book.group("r-1")
    seat = next(seat for seat in group.seats if seat in after.split(","))
    staff.hold(
        Wanted(new_global_id(), group.broker_id, group.id, 1, (seat,)),
        until=timezone.now() + timedelta(days=1),
        unit_price=group.price,
        customer="Jane Doe",
        caller=CLERK,
    )
    book.imported(line("r-1", after, len(after.split(","))), confirm=True)

    group.refresh_from_db()
    assert (group.seats, group.stride) == (after.split(","), expected)
    assert agrees()


def test_parts_of_a_group_keep_its_stride(broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=["1", "2", "3", "4"])
    part = services.split(group.id, seats=["2", "4"], quantity=0, remote_id="x", caller=CLERK)

    assert (stride(group), stride(part)) == (1, 1)


def test_staff_correct_it(api: Api, staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=["7", "9", "11"])
    assert staff.open_form(page_of(group))["stride"] == ["2"]
    assert staff.fill_in(page_of(group), stride="1").status_code == 302
    assert stride(group) == 1
    assert api.hold(group, 2, "g-1").status_code == 409

    staff.fill_in(page_of(group), seats="7, 9, 11, 13")
    assert stride(group) == 1
    staff.fill_in(page_of(group), stride="")
    assert stride(group) == 2
    assert api.hold(group, 2, "g-1").json()["seats"] == ["7", "9"]


def test_staff_say_it_with_other_seats(staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=["7", "8"])
    staff.fill_in(page_of(group), seats="7, 9, 11", stride="2")
    assert stride(group) == 2
    staff.fill_in(page_of(group), seats="21, 23", stride="1")
    assert stride(group) == 1
    staff.fill_in(page_of(group), seats="", quantity="5")
    assert stride(group) is None


@pytest.mark.parametrize(("said", "expected"), [("", 2), ("1", 1), ("2", 2)])
def test_staff_say_it_of_a_new_group(
    staff: Staff, broker: Broker, said: str, expected: int
) -> None:
    group = TicketGroupFactory(broker=broker, seats=["1", "2"])
    address = f"{page_of(TicketGroup, 'add')}?copy={group.pk}"
    staff.fill_in(address, remote_id="new", seats="7, 9", stride=said)

    assert stride(TicketGroup.objects.get(remote_id="new")) == expected


def test_every_other_seat_of_odd_and_even_numbers_is_refused(staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=["7", "8", "9"])
    answer = staff.fill_in(page_of(group), stride="2")

    assert "Odd and even numbers are listed" in answer.content.decode()
    assert stride(group) == 1
