"""Ticket groups, events and brokers are added and changed in the admin."""

from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory, UserFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of, page_text

pytestmark = pytest.mark.django_db


def add_group(staff: Staff, owner: Broker, **values: Any) -> Any:
    """Fill in the form of a new ticket group for an event of the owner."""
    fields = {
        "event": EventFactory(broker=owner).pk,
        "remote_id": "r-1",
        "section": "211",
        "row": "15",
        "seats": "1-15 odd",
        "price": "40.00",
        **values,
    }
    return staff.fill_in(page_of(TicketGroup, "add"), **fields)


def test_group_is_added_with_its_seats_and_its_ledger(staff: Staff, broker: Broker) -> None:
    assert add_group(staff, broker).status_code == 302

    group = TicketGroup.objects.get()
    assert (group.broker, group.remote_id, group.price) == (broker, "r-1", Decimal("40.00"))
    assert (group.quantity, group.seats) == (8, ["1", "3", "5", "7", "9", "11", "13", "15"])
    entry = LedgerEntry.objects.get()
    assert (entry.group, entry.effect, entry.tickets) == (group, "stocked", 8)
    assert (entry.seats, entry.asked_by) == (group.seats, "user clerk")


def test_added_group_can_be_held(api: Api, staff: Staff, broker: Broker) -> None:
    add_group(staff, broker, seats="", quantity="100", split_rule="custom", split_quantities="2,4")
    group = TicketGroup.objects.get()

    assert (group.quantity, group.seats, group.split_quantities) == (100, [], [2, 4])
    assert api.hold(group, 3, "g-1").status_code == 409
    assert api.hold(group, 4, "g-1").status_code == 201


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"seats": "8-1"}, "8-1 runs backwards."),
    ({"seats": "1-3,3"}, "The seat 3 is listed twice."),
    ({"seats": "1-3", "quantity": "4"}, "These are 3 seats. Leave the quantity empty."),
    ({"seats": ""}, "Give the seats, or the quantity of tickets without numbers."),
    ({"seats": "", "quantity": "0"}, "greater than or equal to 1"),
    ({"seats": "1\0"}, "Null characters are not allowed"),
    ({"remote_id": "taken"}, "This broker has a ticket group with that remote id."),
    ({"remote_id": "a b"}, "with no space and no slash"),
    ({"split_rule": "custom"}, "A custom split rule needs its quantities."),
    ({"split_rule": "custom", "split_quantities": "0,2"}, "greater than or equal to 1"),
    ({"split_rule": "odd"}, "Select a valid choice"),
    ({"price": "-1"}, "A price is from 0 to 1,000,000."),
    ({"price": "NaN"}, "Enter a number."),
    ({"event": "0"}, "That choice is not one of the available choices"),
]


def test_group_that_cannot_be_is_not_added(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    TicketGroupFactory(broker=group.broker, event=group.event, remote_id="taken")
    with unchanged():
        for values, complaint in REFUSED:
            answer = add_group(staff, group.broker, **values)
            assert complaint in answer.content.decode(), values


def test_group_of_one_broker_for_an_event_of_another_is_not_added(
    boss: Staff, broker: Broker, unchanged: Unchanged
) -> None:
    with unchanged():
        answer = add_group(boss, BrokerFactory(), broker=broker.pk)

    assert f"This is not an event of {broker}." in answer.content.decode()


def test_custom_split_rule_that_is_given_up_takes_its_quantities_along(
    staff: Staff, broker: Broker
) -> None:
    add_group(staff, broker, split_rule="custom", split_quantities="2,4")
    staff.fill_in(page_of(TicketGroup.objects.get()), split_rule="pairs")

    group = TicketGroup.objects.get()
    assert (group.split_rule, group.split_quantities) == ("pairs", [])


def test_event_is_added_and_changed(staff: Staff, broker: Broker) -> None:
    Broker.objects.update(time_zone="America/Chicago")
    staff.fill_in(page_of(Event, "add"), name="Cirque", venue="Bellagio")
    event = Event.objects.get()
    assert (event.broker, event.when, event.time_zone) == (broker, "TBA", "America/Chicago")

    staff.fill_in(page_of(event), date="2030-05-04", time="20:00")
    event.refresh_from_db()
    assert (event.name, event.when) == ("Cirque", "Sat May 4, 2030, 8:00 PM")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": "Taken", "venue": "Bellagio"}, "This broker has that event already."),
        ({"name": "A", "venue": "B", "time": "20:00"}, "An event with a time needs a date."),
        ({"name": "A", "venue": "B", "time_zone": "Mars"}, "There is no time zone"),
    ],
)
def test_event_that_cannot_be_is_not_added(
    staff: Staff, broker: Broker, values: dict[str, str], complaint: str
) -> None:
    EventFactory(broker=broker, name="Taken", venue="Bellagio", date=None)
    answer = staff.fill_in(page_of(Event, "add"), **values)

    assert complaint in page_text(answer)
    assert Event.objects.count() == 1


def test_superuser_adds_and_changes_brokers(boss: Staff) -> None:
    boss.fill_in(page_of(Broker, "add"), name="Harbor Lane")
    broker = Broker.objects.get()
    boss.fill_in(page_of(broker), hold_lifetime="600")

    broker.refresh_from_db()
    assert (broker.name, broker.hold_lifetime, broker.currency) == ("Harbor Lane", 600, "USD")


def test_broker_form_opened_before_another_is_saved_keeps_what_that_one_changed(
    boss: Staff, broker: Broker
) -> None:
    form = boss.open_form(page_of(broker))
    boss.fill_in(page_of(broker), hold_lifetime="600", currency="EUR")
    assert boss.send(page_of(broker), form, name="Harbor Lane").status_code == 302

    broker.refresh_from_db()
    assert (broker.name, broker.hold_lifetime, broker.currency) == ("Harbor Lane", 600, "EUR")


def test_user_form_opened_before_rights_were_taken_away_does_not_give_them_back(
    boss: Staff, broker: Broker
) -> None:
    user = UserFactory(whole=True)
    form = boss.open_form(page_of(user))
    changed = boss.open_form(page_of(user)) | {"broker": [str(broker.pk)]}
    del changed["is_superuser"], changed["is_active"]
    assert boss.send(page_of(user), changed).status_code == 302
    assert boss.send(page_of(user), form, email="kim@example.com").status_code == 302

    user.refresh_from_db()
    assert (user.email, user.broker) == ("kim@example.com", broker)
    assert not user.is_superuser
    assert not user.is_active


def test_page_of_a_user_does_not_hold_the_hash_of_the_password(boss: Staff) -> None:
    user = UserFactory(whole=True)
    user.set_password("correct horse")
    user.save()

    assert user.password not in unescape(boss.page(page_of(user)))
