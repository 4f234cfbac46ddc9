"""POST /api/v1/holds: every row of the contract's table, and the answers to the letter."""

from datetime import datetime, timedelta

import pytest

from holds.models import Hold
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_unknown_id_with_enough_tickets_is_held(api: Api, group: TicketGroup) -> None:
    answer = api.hold(group, 2, "g-1", x_request_id="q-1")

    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer
    hold = Hold.objects.get()
    assert answer.json() == {
        "global_id": "g-1",
        "remote_id": group.remote_id,
        "quantity": 2,
        "status": "held",
        "section": "211",
        "row": "15",
        "seats": ["7", "8"],
        "unit_price": "40.00",
        "total": "80.00",
        "currency": "USD",
        "expires_at": hold.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),  # type: ignore[union-attr]
        "order_id": None,
        "request_id": "q-1",
    }
    assert hold.expires_at == hold.created_at + timedelta(seconds=900)


def test_hold_counts_the_tickets_and_is_in_the_ledger(api: Api, group: TicketGroup) -> None:
    api.hold(group, 2, "g-1", x_request_id="q-1")

    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (4, 2, 0)
    entry = LedgerEntry.objects.get(group=group, number=2)
    assert (entry.effect, entry.tickets, entry.seats) == ("held", 2, ["7", "8"])
    assert (entry.global_id, entry.asked_by, entry.request_id) == ("g-1", api.caller, "q-1")
    assert entry.at == Hold.objects.get().created_at


def test_lifetime_is_the_brokers(api: Api, group: TicketGroup) -> None:
    api.broker.hold_lifetime = 60
    api.broker.save()

    api.hold(group, 2, "g-1")

    hold = Hold.objects.get()
    assert hold.expires_at == hold.created_at + timedelta(seconds=60)


@pytest.mark.parametrize("slash", ["", "/"])
def test_path_is_served_with_and_without_a_trailing_slash(
    broker: Broker, group: TicketGroup, slash: str
) -> None:
    assert Api(broker, slash=slash).hold(group, 2, "g-1").status_code == 201


def test_too_few_free_tickets_are_insufficient(
    api: Api, group: TicketGroup, unchanged: Unchanged
) -> None:
    api.hold(group, 4, "g-1")
    with unchanged():
        answer = api.hold(group, 3, "g-2")

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["available"]) == ("insufficient_tickets", 2)


def test_no_tickets_together_are_insufficient(api: Api, unchanged: Unchanged) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=["1", "2", "4", "5"])
    with unchanged():
        answer = api.hold(group, 3, "g-1")

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["available"]) == ("insufficient_tickets", 4)


def test_insufficient_tickets_are_not_remembered(api: Api, group: TicketGroup) -> None:
    api.hold(group, 6, "g-1")
    assert api.hold(group, 2, "g-2").status_code == 409
    api.release("g-1")

    assert api.hold(group, 2, "g-2").status_code == 201


def test_quantity_that_the_split_rule_forbids_is_not_allowed(
    api: Api, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=api.broker, split_rule="never_leave_one")
    with unchanged():
        answer = api.hold(group, 5, "g-1")

    assert answer.status_code == 409
    assert answer.json()["code"] == "split_not_allowed"
    assert answer.json()["allowed_quantities"] == [1, 2, 3, 4, 6]


def test_split_not_allowed_is_not_remembered(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, split_rule="never_leave_one")
    api.hold(group, 2, "g-1")
    assert api.hold(group, 3, "g-2").json()["code"] == "split_not_allowed"
    api.release("g-1")

    assert api.hold(group, 3, "g-2").status_code == 201


def test_unknown_remote_id_is_not_found(api: Api, unchanged: Unchanged) -> None:
    with unchanged():
        answer = api.hold(TicketGroup(remote_id="r-none"), 2, "g-1")

    assert (answer.status_code, answer.json()["code"]) == (404, "ticket_group_not_found")


def test_group_off_sale_is_not_for_sale(api: Api, unchanged: Unchanged) -> None:
    group = TicketGroupFactory(broker=api.broker, on_sale=False)
    with unchanged():
        answer = api.hold(group, 2, "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_for_sale")


@pytest.mark.parametrize(
    ("time", "past"),
    [
        ("19:30", "2026-06-01T23:30:00+00:00"),  # New York is at UTC-4 then
        (None, "2026-06-02T04:00:00+00:00"),  # no time: the end of the day
    ],
)
def test_past_event_is_not_for_sale(
    api: Api, database_clock: DatabaseClock, unchanged: Unchanged, time: str | None, past: str
) -> None:
    event = EventFactory(
        broker=api.broker, date="2026-06-01", time=time, time_zone="America/New_York"
    )
    group = TicketGroupFactory(broker=api.broker, event=event)

    database_clock.stop(datetime.fromisoformat(past) - timedelta(microseconds=1))
    assert api.hold(group, 2, "g-1").status_code == 201
    database_clock.stop(datetime.fromisoformat(past))
    with unchanged():
        answer = api.hold(group, 2, "g-2")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_for_sale")


def test_event_to_be_announced_is_never_past(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, event=EventFactory(broker=api.broker, date=None))

    assert api.hold(group, 2, "g-1").status_code == 201


@pytest.mark.parametrize("state", ["held", "overdue"])
def test_held_id_with_the_same_call_is_replayed(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    group = bring_to(state)
    before = api.look_up_hold("g-1", x_request_id="q-1").json()
    with unchanged():
        answer = api.hold(group, 2, "g-1", x_request_id="q-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    assert answer.json() == before
    assert answer.json()["status"] == "held"


@pytest.mark.parametrize("state", ["invoiced", "invoiced late"])
def test_invoiced_id_with_the_same_call_is_replayed_as_invoiced(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    group = bring_to(state)
    with unchanged():
        answer = api.hold(group, 2, "g-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    assert (answer.json()["status"], answer.json()["order_id"]) == ("invoiced", "o-1")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("released", "hold_released"),
        ("tombstone", "hold_released"),
        ("expired", "hold_expired"),
        ("voided", "sale_voided"),
    ],
)
def test_id_that_is_over_with_the_same_call_is_refused(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str, code: str
) -> None:
    group = bring_to(state)
    with unchanged():
        answer = api.hold(group, 2, "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_tombstone_matches_any_call(api: Api, bring_to: BringTo, unchanged: Unchanged) -> None:
    group = bring_to("tombstone")
    with unchanged():
        assert api.hold(group, 3, "g-1").json()["code"] == "hold_released"
        nowhere = TicketGroup(remote_id="r-none")
        assert api.hold(nowhere, 2, "g-1").json()["code"] == "hold_released"


@pytest.mark.parametrize(
    "state", ["held", "overdue", "released", "expired", "invoiced", "invoiced late", "voided"]
)
@pytest.mark.parametrize("differs", ["remote id", "unknown remote id", "quantity"])
def test_id_with_another_call_is_reused(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str, differs: str
) -> None:
    other = TicketGroupFactory(broker=api.broker)
    group = bring_to(state)
    with unchanged():
        match differs:
            case "remote id":
                answer = api.hold(other, 2, "g-1")
            case "unknown remote id":
                answer = api.hold(TicketGroup(remote_id="r-none"), 2, "g-1")
            case _:
                answer = api.hold(group, 3, "g-1")

    assert (answer.status_code, answer.json()["code"]) == (422, "global_id_reused")


def test_another_brokers_group_answers_as_one_that_never_existed(
    api: Api, unchanged: Unchanged
) -> None:
    before = api.hold(TicketGroup(remote_id="r-other"), 2, "g-1", x_request_id="q-1")
    group = TicketGroupFactory(remote_id="r-other")
    with unchanged():
        after = api.hold(group, 2, "g-1", x_request_id="q-1")

    assert (after.status_code, after.content) == (before.status_code, before.content)
    assert after.headers == before.headers


def test_brokers_may_use_the_same_ids(api: Api, group: TicketGroup) -> None:
    namesake = TicketGroupFactory(broker=BrokerFactory(), remote_id=group.remote_id)
    other = Api(namesake.broker)
    api.hold(group, 2, "g-1")

    assert other.hold(namesake, 3, "g-1").status_code == 201

    assert api.look_up_hold("g-1").json()["quantity"] == 2
    assert other.look_up_hold("g-1").json()["quantity"] == 3


@pytest.mark.parametrize("what", ["off sale", "vanished", "past"])
def test_repeated_call_is_a_replay_whatever_became_of_the_group(
    api: Api, group: TicketGroup, unchanged: Unchanged, what: str
) -> None:
    api.hold(group, 2, "g-1")
    match what:
        case "off sale":
            TicketGroup.objects.update(on_sale=False)
        case "vanished":
            TicketGroup.objects.update(listed=False)
        case _:
            Event.objects.update(date="2020-01-01")
    with unchanged():
        answer = api.hold(group, 2, "g-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    assert api.hold(group, 2, "g-2").json()["code"] == "not_for_sale"
