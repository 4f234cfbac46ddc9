"""Holds past their time: still held, until they are expired or a hold call needs their tickets."""

from datetime import timedelta

import pytest

from holds.models import Hold
from holds.services import expire
from inventory.models import Caller, LedgerEntry, TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

SWEEP = Caller("command expire_holds")


def states() -> dict[str, str]:
    return dict(Hold.objects.values_list("global_id", "state"))


def test_hold_call_that_needs_its_tickets_frees_an_overdue_hold(
    api: Api, bring_to: BringTo
) -> None:
    group = bring_to("overdue")
    answer = api.hold(group, 6, "g-2", x_request_id="q-1")

    assert answer.status_code == 201
    assert states() == {"g-1": "expired", "g-2": "held"}
    expired, held = LedgerEntry.objects.filter(group=group, number__gt=2).order_by("number")
    assert (expired.effect, expired.tickets, expired.global_id) == ("expired", 2, "g-1")
    assert (expired.seats, expired.asked_by) == (["7", "8"], api.caller)
    assert expired.request_id == held.request_id == "q-1"


def test_hold_is_not_freed_before_its_time(
    api: Api, group: TicketGroup, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    api.hold(group, 2, "g-1")
    expires_at = Hold.objects.get().expires_at
    assert expires_at
    database_clock.stop(expires_at - timedelta(microseconds=1))

    with unchanged():
        assert api.hold(group, 6, "g-2").json()["available"] == 4
        assert expire(batch=10, caller=SWEEP) == 0
    database_clock.stop(expires_at)
    assert api.hold(group, 6, "g-2").status_code == 201


def test_hold_call_that_does_not_need_its_tickets_leaves_an_overdue_hold(
    api: Api, bring_to: BringTo
) -> None:
    group = bring_to("overdue")

    assert api.hold(group, 4, "g-2").json()["seats"] == ["9", "10", "11", "12"]
    assert states()["g-1"] == "held"


def test_longest_overdue_are_freed_and_no_more_than_needed(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    for number in (1, 2, 3):
        api.hold(group, 2, f"g-{number}")
        database_clock.move(1)
    database_clock.move(900)

    assert api.hold(group, 3, "g-4").json()["seats"] == ["7", "8", "9"]
    assert states() == {"g-1": "expired", "g-2": "expired", "g-3": "held", "g-4": "held"}


def test_overdue_hold_whose_tickets_would_not_help_is_left(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    api.hold(group, 1, "g-1")  # 7
    database_clock.move(1)
    api.hold(group, 1, "g-2")  # 8
    database_clock.move(1)
    api.hold(group, 2, "g-3")  # 9 and 10
    api.hold(group, 1, "g-4")  # 11
    api.invoice("o-1", "g-2")
    database_clock.move(900)
    api.hold(group, 1, "g-5")  # 12

    assert api.hold(group, 2, "g-6").json()["seats"] == ["9", "10"]
    assert states()["g-1"] == "held"
    assert states()["g-3"] == "expired"
    assert states()["g-4"] == "held"


def test_counted_tickets_of_overdue_holds_are_freed_as_needed(
    api: Api, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=6)
    for number in (1, 2, 3):
        api.hold(group, 2, f"g-{number}")
        database_clock.move(1)
    database_clock.move(900)

    assert api.hold(group, 3, "g-4").status_code == 201
    assert states() == {"g-1": "expired", "g-2": "expired", "g-3": "held", "g-4": "held"}


@pytest.mark.parametrize("seats", [["1", "2", "3", "4"], []])
def test_overdue_hold_that_would_do_alone_is_found_among_others(
    api: Api, database_clock: DatabaseClock, seats: list[str]
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=seats, quantity=4)
    for number, quantity in enumerate([1, 2, 1]):
        api.hold(group, quantity, f"g-{number}")
        database_clock.move(1)
    TicketGroup.objects.update(split_rule="none")
    database_clock.move(900)

    assert api.hold(group, 2, "g-9").json()["seats"] == seats[1:3]
    assert states() == {"g-0": "held", "g-1": "expired", "g-2": "held", "g-9": "held"}


def test_overdue_hold_goes_too_where_one_ticket_would_be_left(
    api: Api, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=["1", "2", "3", "4", "5"])
    api.hold(group, 4, "g-0")
    api.hold(group, 1, "g-1")
    TicketGroup.objects.update(split_rule="never_leave_one")
    database_clock.move(900)

    assert api.hold(group, 3, "g-9").json()["seats"] == ["1", "2", "3"]
    assert states() == {"g-0": "expired", "g-1": "expired", "g-9": "held"}


def test_allowed_quantities_count_on_any_of_the_overdue_holds(
    api: Api, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=9)
    for number, quantity in enumerate([1, 3]):
        api.hold(group, quantity, f"g-{number}")
    TicketGroup.objects.update(split_rule="none")
    database_clock.move(900)
    with unchanged():
        answer = api.hold(group, 7, "g-8").json()
    assert answer["allowed_quantities"] == [5, 6, 8, 9]

    assert api.hold(group, 6, "g-9").status_code == 201
    assert states() == {"g-0": "expired", "g-1": "held", "g-9": "held"}


def test_refused_hold_frees_no_overdue_hold(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    group = bring_to("overdue")
    with unchanged():
        answer = api.hold(group, 7, "g-2")

    assert (answer.json()["code"], answer.json()["available"]) == ("insufficient_tickets", 6)


def test_overdue_hold_is_freed_where_the_split_rule_needs_its_tickets(
    api: Api, bring_to: BringTo
) -> None:
    group = bring_to("overdue")
    TicketGroup.objects.update(split_rule="never_leave_one")

    assert api.hold(group, 3, "g-2").json()["seats"] == ["7", "8", "9"]
    assert states()["g-1"] == "expired"


def test_overdue_holds_of_another_group_are_left(api: Api, bring_to: BringTo) -> None:
    bring_to("overdue")
    other = TicketGroupFactory(broker=api.broker)

    api.hold(other, 6, "g-2")
    assert states()["g-1"] == "held"


def test_sweep_expires_what_is_overdue_and_writes_who_did_it(api: Api, bring_to: BringTo) -> None:
    group = bring_to("overdue")
    api.hold(group, 2, "g-2")

    assert expire(batch=10, caller=SWEEP) == 1

    assert states() == {"g-1": "expired", "g-2": "held"}
    entry = LedgerEntry.objects.filter(group=group).latest("number")
    assert (entry.effect, entry.asked_by, entry.request_id) == ("expired", SWEEP.name, "")


def test_sweep_expires_a_hold_at_its_time(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    api.hold(group, 2, "g-1")
    expires_at = Hold.objects.get().expires_at
    assert expires_at
    database_clock.stop(expires_at)

    assert expire(batch=10, caller=SWEEP) == 1


def test_sold_tickets_are_never_expired(
    api: Api, bring_to: BringTo, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    group = bring_to("invoiced")
    database_clock.move(10_000)
    with unchanged():
        assert expire(batch=10, caller=SWEEP) == 0
        assert api.hold(group, 6, "g-2").status_code == 409


def test_replay_of_an_overdue_hold_does_not_move_its_time(api: Api, bring_to: BringTo) -> None:
    group = bring_to("overdue")
    before = api.look_up_hold("g-1").json()["expires_at"]

    assert api.hold(group, 2, "g-1").json()["expires_at"] == before


def test_hold_is_listed_as_overdue_from_its_time_on(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    api.hold(group, 2, "g-1")
    expires_at = Hold.objects.get().expires_at
    assert expires_at
    database_clock.stop(expires_at - timedelta(microseconds=1))
    assert not Hold.objects.overdue().exists()
    database_clock.stop(expires_at)

    assert Hold.objects.overdue().exists()


def test_of_overdue_holds_that_need_not_all_go_the_longest_overdue_go(
    api: Api, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=4)
    for global_id, quantity in (("g-1", 1), ("g-2", 1), ("g-3", 2)):
        api.hold(group, quantity, global_id)
        database_clock.move(1)
    database_clock.move(900)
    assert api.hold(group, 3, "g-4").status_code == 201

    assert states() == {"g-1": "expired", "g-2": "held", "g-3": "expired", "g-4": "held"}
