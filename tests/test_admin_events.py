"""An event that tickets are held or sold for stays the event that it is."""

from datetime import date, time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holds.models import Hold
from inventory.models import Broker, Event, TicketGroup
from tests.support.factories import EventFactory, TicketGroupFactory
from tests.support.fixtures import BringTo
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals, agrees, before, outsider, somebody_locks
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db

KNOWN = {"date": date(2030, 5, 4), "time": time(20)}


def event_of(broker: Broker, **facts: Any) -> Event:
    """An event with six tickets."""
    event: Event = EventFactory(broker=broker, name="Cirque", venue="Bellagio", **facts)
    TicketGroupFactory(broker=broker, event=event, remote_id="r-1")
    return event


def hold(api: Api) -> None:
    assert api.hold(TicketGroup.objects.get(), 2, "g-1").status_code == 201


def kept(event: Event) -> tuple[Any, ...]:
    event.refresh_from_db()
    return event.name, event.venue, event.date, event.time, event.time_zone


def test_date_of_an_event_with_claims_is_announced(api: Api, staff: Staff, broker: Broker) -> None:
    event = event_of(broker, date=None)
    hold(api)
    answer = staff.fill_in(page_of(event), date="2030-05-04", time="20:00")

    assert answer.status_code == 302
    assert kept(event) == ("Cirque", "Bellagio", date(2030, 5, 4), time(20), "America/New_York")
    assert Hold.objects.get().event == event
    assert agrees()


def test_time_is_announced_later_than_the_date(api: Api, staff: Staff, broker: Broker) -> None:
    event = event_of(broker, date=date(2030, 5, 4))
    hold(api)
    assert staff.fill_in(page_of(event), time="20:00").status_code == 302

    assert kept(event)[3] == time(20)


@pytest.mark.parametrize(
    "values", [{"date": "2030-06-01"}, {"time": "19:00"}, {"time": ""}, {"time_zone": "UTC"}]
)
def test_known_date_or_time_changes_only_if_a_person_says_so(
    api: Api, staff: Staff, broker: Broker, values: dict[str, str]
) -> None:
    event = event_of(broker, **KNOWN)
    hold(api)
    was = kept(event)
    page = staff.fill_in(page_of(event), **values).content.decode()
    assert "Tick this if it has been rescheduled." in page
    assert kept(event) == was

    assert staff.fill_in(page_of(event), **values, rescheduled="on").status_code == 302
    assert kept(event) != was
    assert agrees()


@pytest.mark.parametrize("state", ["held", "overdue", "invoiced"])
def test_name_and_venue_are_fixed_while_tickets_are_held_or_sold(
    staff: Staff, group: TicketGroup, bring_to: BringTo, state: str
) -> None:
    event = group.event
    form = staff.open_form(page_of(event))
    was = kept(event)
    bring_to(state)
    page = staff.page(page_of(event))
    assert "Name and venue stay as they are." in page
    assert 'name="venue"' not in page

    for values in ({"name": "Another"}, {"venue": "Elsewhere"}):
        answer = staff.send(page_of(event), form, **values, rescheduled="on")
        assert "This cannot be changed while tickets are held or sold." in answer.content.decode()
    assert kept(event) == was


@pytest.mark.parametrize("state", ["unknown", "released", "expired", "voided"])
def test_event_with_nothing_promised_is_changed_freely(
    staff: Staff, group: TicketGroup, bring_to: BringTo, state: str
) -> None:
    bring_to(state)
    new = {"name": "Another", "venue": "Elsewhere", "date": "2031-01-01", "time": "19:00"}
    assert "rescheduled" not in staff.page(page_of(group.event))
    assert staff.fill_in(page_of(group.event), **new).status_code == 302

    assert kept(group.event)[:3] == ("Another", "Elsewhere", date(2031, 1, 1))


def test_old_form_does_not_take_an_announced_date_back(staff: Staff, broker: Broker) -> None:
    event = event_of(broker, date=None)
    form = staff.open_form(page_of(event))
    Event.objects.update(**KNOWN)
    assert staff.send(page_of(event), form, venue="Bellagio Theatre").status_code == 302

    assert kept(event)[1:4] == ("Bellagio Theatre", date(2030, 5, 4), time(20))


def test_form_opened_while_tickets_were_held_is_saved_after_their_release(
    api: Api, staff: Staff, broker: Broker
) -> None:
    event = event_of(broker, **KNOWN)
    hold(api)
    form = staff.open_form(page_of(event))
    api.release("g-1")
    assert staff.send(page_of(event), form, date="2030-06-01").status_code == 302

    assert kept(event)[:3] == ("Cirque", "Bellagio", date(2030, 6, 1))


@pytest.mark.django_db(transaction=True)
def test_hold_between_the_reading_of_a_form_and_its_lock_is_seen(
    rivals: Rivals, api: Api, staff: Staff, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = event_of(broker, **KNOWN)
    before(monkeypatch, type(Event.objects), "lock", lambda: rivals.together(lambda: hold(api)))
    answer = staff.fill_in(page_of(event), name="Another")

    assert "This cannot be changed while tickets are held or sold." in answer.content.decode()
    assert kept(event)[0] == "Cirque"


@pytest.mark.django_db(transaction=True)
def test_event_that_somebody_keeps_locked_is_a_sentence_on_the_filled_form(
    rivals: Rivals, staff: Staff, broker: Broker
) -> None:
    event = event_of(broker, **KNOWN)
    was = kept(event)
    form = staff.open_form(page_of(event))
    with outsider() as rival:
        rival.execute("SELECT FROM inventory_event WHERE id = %s FOR UPDATE", (event.id,))
        saved = rivals.start(lambda: staff.send(page_of(event), form, name="Another"))
        page = saved.result(PATIENCE).content.decode()

    assert "Somebody else is at work on this just now. Nothing was saved" in page
    assert 'value="Another"' in page
    assert kept(event) == was


@pytest.mark.django_db(transaction=True)
def test_price_change_does_not_keep_an_event_from_being_saved(staff: Staff, broker: Broker) -> None:
    event = event_of(broker, **KNOWN)
    with somebody_locks(TicketGroup.objects.get()):
        assert staff.fill_in(page_of(event), name="Another").status_code == 302

    assert kept(event)[0] == "Another"


def test_event_does_not_become_one_that_is_there_already(
    api: Api, staff: Staff, broker: Broker
) -> None:
    event = event_of(broker, date=None)
    EventFactory(broker=broker, name="Other", venue="Bellagio", date=None)
    EventFactory(broker=broker, name="Cirque", venue="Bellagio", **KNOWN)
    was = kept(event)
    said = [staff.fill_in(page_of(event), name="Other").content.decode()]
    hold(api)
    said.append(staff.fill_in(page_of(event), date="2030-05-04", time="20:00").content.decode())

    assert all("This broker has that event already." in page for page in said)
    assert kept(event) == was


@pytest.mark.parametrize("groups", [1, 3])
def test_page_takes_the_same_few_queries_for_any_number_of_groups(
    api: Api, staff: Staff, broker: Broker, groups: int
) -> None:
    event = event_of(broker, **KNOWN)
    hold(api)
    for _ in range(groups - 1):
        TicketGroupFactory(broker=broker, event=event)
    staff.page(page_of(event))  # remembers its content type from then on
    with CaptureQueriesContext(connection) as queries:
        staff.page(page_of(event))

    assert len(queries) == 8
