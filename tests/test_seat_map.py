"""The page of a ticket group shows which of its seats are free, held or sold."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holds.models import Hold
from holds.seat_map import StatusCount, seat_map
from inventory.models import Broker, TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of, plain

pytestmark = pytest.mark.django_db


def test_seats_are_free_held_overdue_or_sold(
    api: Api, broker: Broker, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=broker, seats=["1", "2", "3", "4", "5", "6", "9", "10"])
    api.hold(group, 2, "g-sold")
    api.invoice("o-1", "g-sold")
    api.hold(group, 2, "g-late")
    database_clock.move(broker.hold_lifetime)
    api.hold(group, 2, "g-held")
    seen = seat_map(group)

    sold, late, held = Hold.objects.order_by("id").values_list("id", flat=True)
    assert [[(seat.label, seat.status, seat.hold_id) for seat in run] for run in seen.runs] == [
        [
            *(("1", "sold", sold), ("2", "sold", sold), ("3", "overdue", late)),
            *(("4", "overdue", late), ("5", "held", held), ("6", "held", held)),
        ],
        [("9", "free", None), ("10", "free", None)],
    ]
    words = {seat.label: seat.words for run in seen.runs for seat in run}
    assert [words[label] for label in ("1", "3", "5", "9")] == [
        "Seat 1: sold, g-sold, order o-1",
        *("Seat 3: overdue, g-late", "Seat 5: held, g-held", "Seat 9: free"),
    ]
    assert sum(part.tickets for part in seen.counts) == seen.quantity == 8


def test_general_admission_is_one_bar(
    api: Api, broker: Broker, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=20)
    api.hold(group, 1, "g-1")
    api.hold(group, 2, "g-2")
    database_clock.move(broker.hold_lifetime)
    api.hold(group, 4, "g-3")
    api.invoice("o-3", "g-3")
    api.hold(group, 5, "g-4")
    seen = seat_map(group)

    assert seen.runs == []
    assert seen.counts == [
        StatusCount("free", 8, 0),
        StatusCount("held", 5, 8),
        StatusCount("overdue", 3, 13),
        StatusCount("sold", 4, 16),
    ]


@pytest.mark.parametrize("state", ["unknown", "released", "expired", "voided", "tombstone"])
def test_what_is_not_claimed_is_free(bring_to: BringTo, state: str) -> None:
    seen = seat_map(bring_to(state))

    assert seen.counts == [StatusCount("free", 6, 0)]
    assert {seat.status for run in seen.runs for seat in run} == {"free"}


def test_page_leads_from_a_claimed_seat_to_its_hold(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    page = staff.page(page_of(group))

    held = Hold.objects.get()
    boxes = re.findall(r'<a class="seat held" href="([^"]+)" title="([^"]+)">(\d+)</a>', page)
    assert boxes == [
        (page_of(held), "Seat 7: held, g-1", "7"),
        (page_of(held), "Seat 8: held, g-1", "8"),
    ]
    assert re.findall(r'<span class="seat free" title="[^"]+">(\d+)<', page) == [
        *("9", "10", "11", "12")
    ]
    assert re.findall(r"\d+ (?:free|held)", plain(page)) == ["4 free", "2 held"]


def test_page_of_general_admission_draws_its_parts(api: Api, staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=2000)
    api.hold(group, 50, "g-1")
    page = staff.page(page_of(group))

    assert 'viewBox="0 0 2000 1"' in page
    assert '<rect class="free" x="0" width="1950" height="1"/>' in page
    assert '<rect class="held" x="1950" width="50" height="1"/>' in page


@pytest.mark.parametrize("holds", [1, 3])
def test_seat_map_is_one_query_and_the_page_few_for_any_number_of_holds(
    api: Api, staff: Staff, group: TicketGroup, broker: Broker, holds: int
) -> None:
    general = TicketGroupFactory(broker=broker, event=group.event, seats=[], quantity=9)
    staff.page(page_of(group))  # remembers its content type from then on
    for one in (group, general):
        for number in range(holds):
            api.hold(one, 1, f"{one}-{number}".replace(" ", ""))
        with CaptureQueriesContext(connection) as queries:
            seat_map(one)
        with CaptureQueriesContext(connection) as page:
            staff.page(page_of(one))
        assert (len(queries), len(page)) == (1, 8)


def test_hold_of_a_seat_that_was_added_since_the_group_was_read_is_left_out(
    api: Api, broker: Broker, staff: Staff
) -> None:
    group = TicketGroupFactory(broker=broker, seats=["1", "2"])
    staff.fill_in(page_of(group), seats="1-4")
    api.hold(group, 4, "g-1")
    seen = seat_map(group)  # with the seats that it had

    assert [[seat.status for seat in run] for run in seen.runs] == [["held", "held"]]
