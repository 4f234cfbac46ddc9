"""Holds that staff make for a customer, through the service."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from automator.audit import differences
from holds import claims, services, staff
from holds.models import Hold, State
from holds.staff import Wanted, new_global_id
from inventory.errors import InsufficientTickets, Refusal, TicketGroupNotFound
from inventory.models import Caller, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import DatabaseClock, Unchanged
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals, agrees, before, tickets_too_many

pytestmark = pytest.mark.django_db

CLERK = Caller("user clerk")


def wanted(group: TicketGroup, quantity: int, *seats: str, **other: Any) -> Wanted:
    return Wanted(new_global_id(), group.broker_id, group.id, quantity, seats)._replace(**other)


def hold(asked: Wanted, **terms: Any) -> Hold:
    usual = {"until": timezone.now() + timedelta(days=1), "unit_price": Decimal("45.00")}
    staff.hold(asked, caller=CLERK, **{**usual, "customer": "Jane Doe", **terms})
    return Hold.objects.get(global_id=asked.global_id)


def test_named_seats_are_held_for_a_customer_until_a_time(group: TicketGroup) -> None:
    until = timezone.now() + timedelta(days=3)
    held = hold(wanted(group, 2, "9", "10"), until=until, note="Pays on Friday")

    assert (held.state, held.seats, held.quantity) == (State.HELD, ["9", "10"], 2)
    assert (held.customer, held.note, held.by_staff) == ("Jane Doe", "Pays on Friday", True)
    assert (held.unit_price, held.expires_at) == (Decimal("45.00"), until)
    group.refresh_from_db()
    assert (group.free, group.held) == (4, 2)
    entry = LedgerEntry.objects.get(global_id=held.global_id)
    assert (entry.effect, entry.seats, entry.asked_by) == ("held", ["9", "10"], "user clerk")
    assert not list(differences())


def test_rule_chooses_where_no_seat_is_named(group: TicketGroup) -> None:
    assert hold(wanted(group, 2)).seats == ["7", "8"]


def test_marketplace_cannot_have_what_staff_hold(api: Api, group: TicketGroup) -> None:
    hold(wanted(group, 2, "7", "8"))

    assert api.hold(group, 2, "g-1").json()["seats"] == ["9", "10"]
    refused = api.hold(group, 4, "g-2")
    assert (refused.status_code, refused.json()["available"]) == (409, 2)


def test_tickets_without_seat_numbers_are_counted(broker: Any) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=5)
    held = hold(wanted(group, 3))

    assert (held.seats, held.positions) == ([], None)
    with pytest.raises(InsufficientTickets, match="3 tickets were asked for, 2 are free"):
        hold(wanted(group, 3))


def test_split_rule_and_off_sale_do_not_bind_staff(group: TicketGroup) -> None:
    TicketGroup.objects.update(split_rule="none", on_sale=False, listed=False)

    assert hold(wanted(group, 1)).seats == ["7"]


def test_seats_may_be_named_in_any_order(group: TicketGroup) -> None:
    assert hold(wanted(group, 3, "10", "8", "9")).seats == ["8", "9", "10"]


@pytest.mark.parametrize(
    ("seats", "why"),
    [
        (("7", "8"), "Not free any more: 8."),
        (("8", "9"), "Not free any more: 8, 9."),
        (("7", "10"), "do not stand together"),
        (("12", "13"), "no seat 13"),
    ],
)
def test_seats_that_cannot_be_had_are_refused_by_name(
    api: Api, group: TicketGroup, unchanged: Unchanged, seats: tuple[str, ...], why: str
) -> None:
    hold(wanted(group, 2, "8", "9"))
    with unchanged(), pytest.raises(InsufficientTickets, match=why):
        hold(wanted(group, 2, *seats))


def test_every_seat_that_is_taken_is_named(group: TicketGroup, unchanged: Unchanged) -> None:
    hold(wanted(group, 1, "7"))
    hold(wanted(group, 1, "10"))
    with unchanged(), pytest.raises(InsufficientTickets, match=r"Not free any more: 7, 10\."):
        hold(wanted(group, 4, "7", "8", "9", "10"))


def test_form_sent_again_for_another_group_is_refused(
    group: TicketGroup, unchanged: Unchanged
) -> None:
    asked, until = wanted(group, 2), timezone.now() + timedelta(days=1)
    other = TicketGroupFactory(broker=group.broker)
    hold(asked, until=until)
    with unchanged(), pytest.raises(Refusal, match="sent before, for other tickets"):
        hold(asked._replace(group_id=other.id), until=until)


def test_overdue_hold_gives_way_and_no_other(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    for number in range(3):
        api.hold(group, 2, f"g-{number}")
    database_clock.move(900)
    until = timezone.now() + timedelta(days=1)
    held = hold(wanted(group, 2, "9", "10"), until=until)

    states = Hold.objects.order_by("id").values_list("global_id", "state")
    assert list(states) == [
        *(("g-0", "held"), ("g-1", "expired"), ("g-2", "held")),
        (held.global_id, "held"),
    ]


def test_time_that_is_past_is_refused(group: TicketGroup, unchanged: Unchanged) -> None:
    with unchanged(), pytest.raises(Refusal, match="past"):
        hold(wanted(group, 2), until=timezone.now() - timedelta(seconds=1))


def test_time_that_no_clock_can_show_is_refused(group: TicketGroup, unchanged: Unchanged) -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=ZoneInfo("America/New_York"))
    with unchanged(), pytest.raises(Refusal, match="more than 10 years ahead"):
        hold(wanted(group, 2), until=last)


def test_form_sent_twice_holds_once(group: TicketGroup, unchanged: Unchanged) -> None:
    asked, until = wanted(group, 2, "7", "8"), timezone.now() + timedelta(days=1)
    first = hold(asked, until=until)
    with unchanged():
        assert hold(asked, until=until) == first
        with pytest.raises(Refusal, match="sent before"):
            hold(asked._replace(seats=("9", "10")), until=until)
        with pytest.raises(Refusal, match="sent before"):
            hold(asked._replace(quantity=3, seats=()), until=until)


@pytest.mark.parametrize(
    "other",
    [
        {"customer": "John Roe"},
        {"note": "And his wife"},
        {"unit_price": Decimal("46.00")},
        {"until": timezone.now() + timedelta(days=9)},
    ],
)
def test_form_sent_again_with_other_terms_is_refused(
    group: TicketGroup, unchanged: Unchanged, other: dict[str, Any]
) -> None:
    asked, until = wanted(group, 2), timezone.now() + timedelta(days=1)
    hold(asked, until=until)
    with unchanged(), pytest.raises(Refusal, match="2 are held for Jane Doe since"):
        hold(asked, **{"until": until, **other})


def test_form_sent_again_after_a_release_does_not_say_that_it_holds(
    group: TicketGroup, unchanged: Unchanged
) -> None:
    asked, until = wanted(group, 2), timezone.now() + timedelta(days=1)
    hold(asked, until=until)
    services.release(broker_id=group.broker_id, global_id=asked.global_id, caller=CLERK)
    with unchanged(), pytest.raises(Refusal, match="its hold is released now"):
        hold(asked, until=until)


def test_group_of_another_broker_is_not_there(group: TicketGroup, unchanged: Unchanged) -> None:
    other = BrokerFactory()
    with unchanged(), pytest.raises(TicketGroupNotFound):
        hold(wanted(group, 2, broker_id=other.id))


def test_release_and_expiry_are_those_of_any_hold(
    group: TicketGroup, database_clock: DatabaseClock
) -> None:
    one, other = hold(wanted(group, 2)), hold(wanted(group, 2))
    services.release(broker_id=group.broker_id, global_id=one.global_id, caller=CLERK)
    database_clock.move(2 * 86_400)
    services.expire(batch=10, caller=CLERK)

    assert [Hold.objects.get(pk=each.pk).state for each in (one, other)] == ["released", "expired"]
    group.refresh_from_db()
    assert group.free == 6
    assert not list(differences())


def test_no_call_can_name_a_hold_by_staff(
    api: Api, group: TicketGroup, unchanged: Unchanged
) -> None:
    held = hold(wanted(group, 2))
    with unchanged():
        answers = [
            api.look_up_hold(held.global_id),
            api.release(held.global_id),
            api.hold(group, 2, held.global_id),
            api.invoice("o-1", held.global_id),
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 400, 400]


def buyers(group: TicketGroup) -> list[Callable[[], bool]]:
    """Two of staff and two of the marketplace, each for all six seats."""

    def clerk() -> bool:
        with suppress(InsufficientTickets):
            hold(wanted(group, 6))
            return True
        return False

    def call(global_id: str) -> bool:
        with suppress(InsufficientTickets):
            services.place(
                broker_id=group.broker_id,
                remote_id=group.remote_id,
                quantity=6,
                global_id=global_id,
                caller=Caller("key k"),
            )
            return True
        return False

    return [clerk, clerk, lambda: call("g-1"), lambda: call("g-2")]


@pytest.mark.django_db(transaction=True)
def test_of_staff_and_marketplace_one_gets_the_tickets(rivals: Rivals, group: TicketGroup) -> None:
    assert sorted(rivals.queue(group, *buyers(group))) == [False, False, False, True]
    assert agrees()


@pytest.mark.django_db(transaction=True)
def test_with_the_lock_off_all_of_them_get_the_tickets(
    rivals: Rivals, group: TicketGroup, naive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, claims, "claim", threading.Barrier(4, timeout=PATIENCE).wait)

    assert rivals.together(*buyers(group)) == [True] * 4
    assert tickets_too_many(group) == 18


def test_time_that_comes_just_now_is_past(
    group: TicketGroup, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    now = timezone.now()
    database_clock.stop(now)
    with unchanged(), pytest.raises(Refusal, match="That time is past"):
        hold(wanted(group, 2), until=now)
