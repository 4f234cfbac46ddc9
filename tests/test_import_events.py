"""Which event a row of a book means, and what may happen to events between check and apply."""

import pytest

from automator.audit import differences
from holds.imports import applying
from inventory.models import Broker, Event
from inventory.models.imports import ImportState
from tests.support.factories import EventFactory
from tests.support.importing import CALLER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

MAY, JUNE, JULY = (f"2027-0{month}-01T20:00:00" for month in (5, 6, 7))


def days(book: Book) -> list[str]:
    """The day of the event of each group."""
    groups = book.broker.ticket_groups.select_related("event").order_by("remote_id")
    return [str(group.event.date or "TBA") for group in groups]


def test_vague_row_means_the_event_that_another_row_announces(book: Book) -> None:
    book.imported(line("r-1", date="TBA"))
    event = Event.objects.get(broker=book.broker)
    book.imported(line("r-1", date="TBA"), line("r-2", date="2027-05-01"), line("r-3", date=MAY))
    assert Event.objects.get(broker=book.broker) == event
    assert days(book) == ["2027-05-01"] * 3


def test_event_still_to_be_announced_does_not_become_another_of_its_book(
    book: Book, api: Api
) -> None:
    book.imported(line("r-1", date="TBA"))
    api.hold(book.group("r-1"), 2, "g-1")
    lines = [line("r-1", date="TBA"), line("r-2", date=MAY), line("r-3", date=JUNE)]
    done = book.imported(*lines)
    assert (done.refused, done.unchanged, done.new) == (0, 1, 2)
    assert book.imported(*lines).unchanged == 3
    assert book.imported(*lines, line("r-4", date=JULY)).unchanged == 3
    assert days(book) == ["TBA", "2027-05-01", "2027-06-01", "2027-07-01"]


def test_event_that_could_become_either_of_two_becomes_neither(book: Book, api: Api) -> None:
    book.imported(line("r-1", date="TBA"))
    api.hold(book.group("r-1"), 2, "g-1")
    done = book.imported(line("r-2", date=MAY), line("r-1", date=JUNE))
    assert (done.refused, done.new) == (1, 1)
    assert "would change under the claim g-1" in book.err.getvalue()
    assert days(book) == ["TBA", "2027-05-01"]


def test_event_is_announced_beside_others_that_are_known(book: Book) -> None:
    book.imported(line("r-1", date=MAY))
    EventFactory(broker=book.broker, name="Wicked", venue="Gershwin Theatre", date=None)
    book.imported(line("r-1", date=MAY), line("r-2", date=JUNE))
    assert days(book) == ["2027-05-01", "2027-06-01"]
    assert Event.objects.filter(broker=book.broker).count() == 2


def test_name_at_two_venues_is_two_events(book: Book) -> None:
    other = line("r-2", date=MAY).replace("Gershwin Theatre", "Pantages")
    book.imported(line("r-1", date="TBA"))
    book.imported(line("r-1", date="TBA"), other)
    assert days(book) == ["TBA", "2027-05-01"]


def test_event_that_staff_gave_another_date_meanwhile_is_another_one(book: Book, api: Api) -> None:
    book.imported(line("r-1", date="TBA"), line("r-2", date="TBA"), line("r-3", date="TBA"))
    api.hold(book.group("r-2"), 2, "g-1")
    checked = book.checked(
        *[line("r-1", date=MAY, price="50.00"), line("r-2", date=MAY, price="50.00")],
        *[line("r-3", date="TBA", price="50.00"), line("r-4", date=MAY)],
    )
    Event.objects.filter(broker=book.broker).update(date="2027-06-01")
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied, done.refused) == (ImportState.DONE, 3, 1)
    assert days(book) == ["2027-05-01", "2027-06-01", "2027-06-01", "2027-05-01"]
    assert list(differences()) == []


def test_event_that_staff_announced_meanwhile_is_that_one(book: Book) -> None:
    book.imported(line("r-1", date="TBA"))
    checked = book.checked(line("r-1", date=MAY), line("r-2", date=MAY))
    Event.objects.filter(broker=book.broker).update(date="2027-05-01", time="20:00")
    assert applying.apply(checked, caller=CALLER).state == ImportState.DONE
    assert Event.objects.filter(broker=book.broker).count() == 1
    assert days(book) == ["2027-05-01"] * 2


def test_rows_of_an_event_that_staff_made_meanwhile_stay_together(book: Book) -> None:
    checked = book.checked(line("r-1", date=MAY), line("r-2", date="2027-05-01"))
    made = EventFactory(
        broker=book.broker, name="Wicked", venue="Gershwin Theatre", date="2027-05-01", time="20:00"
    )
    applying.apply(checked, caller=CALLER)
    assert Event.objects.get(broker=book.broker) == made
    assert days(book) == ["2027-05-01"] * 2


def test_year_that_stands_for_no_date_is_refused(book: Book) -> None:
    Broker.objects.filter(id=book.broker.id).update(time_zone="Asia/Tokyo")
    book.broker.refresh_from_db()
    done = book.imported(line("r-1", date="0001-01-01T08:00:00"), line("r-2", date=MAY))
    assert (done.new, done.refused) == (1, 1)
    assert "must be a date from 1900 on, or TBA" in done.rows.get().problems[0]
    assert book.imported(line("r-2", date=MAY)).unchanged == 1
