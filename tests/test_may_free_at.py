"""When it is worth asking again: `may_free_at` in the answer that too few tickets are free."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from holds import locked_reads, staff
from holds.staff import Wanted, new_global_id
from inventory.models import Broker, Caller, Event, TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import DatabaseClock, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def asked(api: Api, group: TicketGroup, quantity: int) -> str | None:
    """What a hold that is refused is told."""
    answer = api.hold(group, quantity, "g-refused")
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_tickets")
    time: str | None = answer.json()["may_free_at"]
    return time


@pytest.fixture
def minutes(api: Api, database_clock: DatabaseClock, group: TicketGroup) -> TicketGroup:
    """Six seats, held in twos for 15 minutes from noon, from one past noon and from two past."""
    for minute in range(3):
        database_clock.stop(START + timedelta(minutes=minute))
        api.hold(group, 2, f"g-{minute}")
    return group


@pytest.mark.parametrize(
    ("quantity", "minute"), [(1, 15), (2, 15), (3, 16), (4, 16), (5, 17), (6, 17), (7, None)]
)
def test_time_is_that_of_the_last_hold_that_must_run_out(
    api: Api, minutes: TicketGroup, unchanged: Unchanged, quantity: int, minute: int | None
) -> None:
    with unchanged():
        assert asked(api, minutes, quantity) == (minute and f"2026-11-24T12:{minute}:00Z")


def test_call_succeeds_at_that_time_and_not_before(
    api: Api, minutes: TicketGroup, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    database_clock.stop(START + timedelta(minutes=16) - timedelta(microseconds=1))
    with unchanged():
        assert asked(api, minutes, 4) == "2026-11-24T12:16:00Z"
    database_clock.stop(START + timedelta(minutes=16))

    assert api.hold(minutes, 4, "g-9").status_code == 201


def test_part_of_a_second_counts_as_a_whole_one(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    database_clock.stop(START + timedelta(microseconds=1))
    api.hold(group, 6, "g-1")

    assert asked(api, group, 1) == "2026-11-24T12:15:01Z"


def test_sold_tickets_never_free(api: Api, minutes: TicketGroup) -> None:
    api.invoice("o-1", "g-1")  # 9 and 10

    assert asked(api, minutes, 2) == "2026-11-24T12:15:00Z"
    assert asked(api, minutes, 3) is None
    api.invoice("o-2", "g-0")
    api.invoice("o-3", "g-2")
    assert asked(api, minutes, 1) is None


def test_holds_of_staff_count(api: Api, group: TicketGroup, database_clock: DatabaseClock) -> None:
    database_clock.stop(START)
    staff.hold(
        Wanted(new_global_id(), group.broker_id, group.id, 6),
        until=START + timedelta(days=2),
        unit_price=group.price,
        customer="Jane Doe",
        caller=Caller("user clerk"),
    )

    assert asked(api, group, 2) == "2026-11-26T12:00:00Z"


def test_overdue_holds_help_and_are_not_waited_for(
    api: Api, minutes: TicketGroup, database_clock: DatabaseClock
) -> None:
    database_clock.stop(START + timedelta(minutes=15))
    answer = api.hold(minutes, 4, "g-9").json()

    assert (answer["available"], answer["may_free_at"]) == (2, "2026-11-24T12:16:00Z")


def test_split_rule_is_looked_at(
    api: Api, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=6)
    for number, size in enumerate([3, 2, 1]):
        database_clock.stop(START + timedelta(minutes=number))
        api.hold(group, size, f"g-{number}")
    with unchanged():
        cases: list[tuple[str, int, int | None]] = [
            *(("any", 2, 15), ("never_leave_one", 2, 16), ("pairs", 2, 15), ("pairs", 3, None)),
            *(("none", 3, 15), ("none", 2, 16), ("none", 1, 17), ("none", 6, 17)),
        ]
        for rule, quantity, minute in cases:
            TicketGroup.objects.update(split_rule=rule)
            assert asked(api, group, quantity) == (minute and f"2026-11-24T12:{minute}:00Z")
        TicketGroup.objects.update(split_rule="any")


def test_no_time_is_told_at_which_the_event_is_past(
    api: Api, minutes: TicketGroup, unchanged: Unchanged
) -> None:
    starts = {"date": START.date(), "time_zone": "UTC"}
    Event.objects.update(**starts, time="12:16")
    with unchanged():
        assert asked(api, minutes, 2) == "2026-11-24T12:15:00Z"
        assert asked(api, minutes, 4) is None


def test_of_many_holds_without_seat_numbers_only_those_that_matter_are_read(
    broker: Broker,
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=6000)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO holds_hold (broker_id, global_id, group_id, event_id, remote_id, quantity,
                section, row, seats, unit_price, currency, state, created_at, expires_at,
                changed_at, customer, note)
            SELECT broker_id, 'g-' || number, id, event_id, remote_id, 1 + number %% 2, section,
                row, '{}', price, 'USD', 'held', now() - interval '9 days',
                now() + make_interval(mins => number - 1500), now(), '', ''
            FROM inventory_ticketgroup, generate_series(1, 3000) number WHERE id = %s
            """,
            (group.id,),
        )
    now = locked_reads.clock()
    for exact, quantity, singles, pairs in [
        *((True, 2, 102, 102), (True, 400, 402, 201), (True, 10**18, 1500, 1500)),
        *((False, 2, 51, 51), (False, 400, 201, 201), (False, 10**18, 1500, 1500)),
    ]:
        read = locked_reads.waiting(group, quantity=quantity, exact=exact, now=now)
        sizes = [held.quantity for held in read.held]
        assert (sizes.count(1), sizes.count(2)) == (singles, pairs)
        assert (read.overdue, read.past_at) == (2250, group.event.past_at)
        assert read.held == sorted(read.held, key=lambda held: held.expires_at)
