"""Seats and quantity of a ticket group are changed by staff; claims stay as they are."""

from typing import Any

import pytest

from holds.models import Hold
from inventory.models import Broker, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import agrees
from tests.support.staff import Staff, page_of, page_text

pytestmark = pytest.mark.django_db


def last_entry() -> tuple[Any, ...]:
    entry = LedgerEntry.objects.latest("id")
    return entry.effect, entry.tickets, entry.seats, entry.quantity, entry.asked_by


def test_seats_are_added_before_claimed_ones_and_the_claims_keep_theirs(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    api.hold(group, 2, "g-2")
    assert staff.open_form(page_of(group))["seats"] == ["7-12"]
    answer = staff.fill_in(page_of(group), seats="1-10, 12, 14-15")

    assert answer.status_code == 302
    group.refresh_from_db()
    assert group.seats == [*map(str, range(1, 11)), "12", "14", "15"]
    assert (group.quantity, group.held, group.sold) == (13, 2, 2)
    assert last_entry() == ("stocked", 7, group.seats, 13, "user clerk")
    holds = Hold.objects.order_by("global_id")
    assert [(hold.seats, hold.range) for hold in holds] == [
        (["7", "8"], range(6, 8)),
        (["9", "10"], range(8, 10)),
    ]
    assert agrees()


def test_seats_are_shown_as_the_broker_writes_them(staff: Staff, broker: Broker) -> None:
    odd = [str(number) for number in range(1, 16, 2)]
    group = TicketGroupFactory(broker=broker, seats=odd)
    assert staff.open_form(page_of(group))["seats"] == ["1-15 odd"]
    staff.fill_in(page_of(group), seats="2-8 even, 20")

    group.refresh_from_db()
    assert group.seats == ["2", "4", "6", "8", "20"]
    assert staff.open_form(page_of(group))["seats"] == ["2-8 even, 20"]
    assert agrees()


def test_quantity_of_general_admission_is_changed(
    api: Api, staff: Staff, general: TicketGroup
) -> None:
    api.hold(general, 4, "g-1")
    form = staff.open_form(page_of(general))
    assert (form["seats"], form["quantity"]) == ([""], ["10"])
    assert staff.send(page_of(general), form, quantity="4").status_code == 302

    general.refresh_from_db()
    assert (general.quantity, general.free, general.held) == (4, 0, 4)
    assert last_entry() == ("stocked", -6, [], 4, "user clerk")
    assert agrees()


def test_group_without_claims_gets_seat_numbers_and_loses_them(
    staff: Staff, general: TicketGroup
) -> None:
    staff.fill_in(page_of(general), seats="1-8")
    general.refresh_from_db()
    assert (general.quantity, general.seats) == (8, [str(seat) for seat in range(1, 9)])

    staff.fill_in(page_of(general), seats="", quantity="20")
    general.refresh_from_db()
    assert (general.quantity, general.seats) == (20, [])
    assert last_entry() == ("stocked", 12, [], 20, "user clerk")
    assert agrees()


CONTRADICTIONS: list[tuple[dict[str, str], str]] = [
    ({"seats": "9-12"}, "The claim g-1 has seats 7, 8: they cannot be taken out."),
    ({"seats": "8-12"}, "The claim g-1 has seats 7, 8: they cannot be taken out."),
    ({"seats": "7, 20, 8-12"}, "The claim g-1 has seats 7, 8 together"),
    ({"seats": "", "quantity": "6"}, "The claim g-1 has seats 7, 8: the group cannot become"),
    ({"seats": "12, 7-11"}, "These are the seats that the group has. Their order must stay: 7-12."),
    ({"seats": ""}, "Give the seats, or the quantity of tickets without numbers."),
    ({"seats": "7-14", "quantity": "9"}, "These are 8 seats. Leave the quantity empty."),
    ({"quantity": "9"}, "These are 6 seats. Leave the quantity empty."),
    ({"seats": "12-7"}, "12-7 runs backwards."),
]


@pytest.mark.parametrize(("values", "complaint"), CONTRADICTIONS)
@pytest.mark.parametrize("sold", [True, False])
def test_seats_that_contradict_a_claim_are_refused_by_its_name(
    *,
    api: Api,
    staff: Staff,
    group: TicketGroup,
    unchanged: Unchanged,
    values: dict[str, str],
    complaint: str,
    sold: bool,
) -> None:
    api.hold(group, 2, "g-1")
    if sold:
        api.invoice("o-1", "g-1")
    with unchanged():
        answer = staff.fill_in(page_of(group), price="55.00", **values)

    assert complaint in page_text(answer)
    assert 'value="55.00"' in page_text(answer)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"quantity": "3"}, "4 tickets are held or sold, and the quantity counts all tickets"),
        ({"quantity": ""}, "Give the seats, or the quantity of tickets without numbers."),
        ({"seats": "1-10"}, "The claim g-1 has 4 tickets without seat numbers"),
    ],
)
def test_general_admission_does_not_fall_below_its_claims(
    *,
    api: Api,
    staff: Staff,
    general: TicketGroup,
    unchanged: Unchanged,
    values: dict[str, str],
    complaint: str,
) -> None:
    api.hold(general, 4, "g-1")
    with unchanged():
        answer = staff.fill_in(page_of(general), **values)

    assert complaint in page_text(answer)


def test_labels_that_cannot_be_typed_are_shown_and_left_alone(staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=["1-4", "B,C"])
    form = staff.open_form(page_of(group))
    assert "seats" not in form
    assert staff.send(page_of(group), form, price="55.00").status_code == 302

    group.refresh_from_db()
    assert (group.seats, str(group.price), group.entries) == (["1-4", "B,C"], "55.00", 1)


def test_what_a_book_would_read_otherwise_is_stored_as_it_reads_it(
    staff: Staff, group: TicketGroup
) -> None:
    staff.fill_in(
        page_of(group),
        section="Club\u00a0 West",
        split_rule="custom",
        split_quantities="4,2,4",
    )

    group.refresh_from_db()
    assert (group.section, group.split_quantities) == ("Club West", [2, 4])


@pytest.mark.parametrize("amount", ["-0.01", "1000000.01"])
def test_amounts_are_within_the_bounds_of_a_book(
    staff: Staff, group: TicketGroup, unchanged: Unchanged, amount: str
) -> None:
    for name in ("price", "cost", "face_value"):
        with unchanged():
            answer = staff.fill_in(page_of(group), **{name: amount})
        assert answer.status_code == 200


def test_seats_move_no_claim_of_another_broker_that_has_the_same_global_id(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    other = Api(BrokerFactory())
    other.hold(TicketGroupFactory(broker=other.broker), 2, "g-1")
    api.hold(group, 2, "g-1")
    assert staff.fill_in(page_of(group), seats="5-12").status_code == 302

    holds = Hold.objects.order_by("id")
    assert [hold.range for hold in holds] == [range(2), range(2, 4)]
    assert agrees()
