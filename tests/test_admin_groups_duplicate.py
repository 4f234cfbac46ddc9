"""A ticket group is duplicated: a form with its facts, and with stock of its own."""

import pytest

from inventory.models import Broker, TicketGroup
from tests.support.factories import COPIED, EventFactory, TicketGroupFactory, copied_facts
from tests.support.marketplace import Api
from tests.support.rivals import agrees
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db


def test_duplicate_has_everything_but_the_remote_id_and_the_seats(
    staff: Staff, broker: Broker
) -> None:
    event = EventFactory(broker=broker)
    group = TicketGroupFactory(broker=broker, event=event, **COPIED, in_hand_on="2030-05-04")
    address = f"{page_of(TicketGroup, 'add')}?copy={group.pk}"
    assert address in staff.page(page_of(group))
    form = staff.open_form(address)
    assert (form["seats"], form["remote_id"], form["quantity"]) == ([""], [""], [""])
    assert staff.send(address, form, seats="1-2", remote_id="copy").status_code == 302

    copy = TicketGroup.objects.get(remote_id="copy")
    assert copied_facts(copy) == copied_facts(group)
    assert str(copy.in_hand_on) == "2030-05-04"
    assert (copy.seats, copy.quantity, copy.entries, copy.held) == (["1", "2"], 2, 1, 0)
    assert agrees()


def test_duplicate_of_general_admission_keeps_the_quantity(
    api: Api, staff: Staff, broker: Broker
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=10)
    api.hold(group, 4, "g-1")
    staff.fill_in(f"{page_of(TicketGroup, 'add')}?copy={group.pk}", remote_id="copy")

    copy = TicketGroup.objects.get(remote_id="copy")
    assert (copy.quantity, copy.held, copy.entries) == (10, 0, 1)
    assert agrees()
