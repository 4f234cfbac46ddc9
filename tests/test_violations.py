"""Which constraint an error of the database is about."""

import pytest
from django.db import IntegrityError, transaction

from inventory.models import Broker
from inventory.violations import violates
from tests.support.factories import EventFactory, TicketGroupFactory

pytestmark = pytest.mark.django_db


def test_violated_constraint_is_known_by_its_name_and_not_by_the_message(broker: Broker) -> None:
    """The message quotes the texts of the row, such as the name of another constraint."""
    name = "ticketgroup_remote_id_unique"
    with pytest.raises(IntegrityError, match=name) as caught, transaction.atomic():
        EventFactory(broker=broker, name=name, date=None, time="19:30")
    assert not violates(caught.value, name)
    assert violates(caught.value, "event_time_needs_date")

    group = TicketGroupFactory(broker=broker)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        TicketGroupFactory(broker=broker, remote_id=group.remote_id)
    assert violates(caught.value, name)

    event = group.event
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        EventFactory(broker=broker, name=event.name, venue=event.venue, date=event.date)
    assert violates(caught.value, "event_unique")
    assert not violates(IntegrityError("event_unique"), "event_unique")
