"""POST /api/v1/holds/{global_id}/release: every row of the contract's table."""

from decimal import Decimal

import pytest
from django.db import DEFAULT_DB_ALIAS, connection

from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["held", "overdue"])
def test_held_id_is_released(api: Api, bring_to: BringTo, state: str) -> None:
    group = bring_to(state)
    held = api.look_up_hold("g-1", x_request_id="q-1").json()
    answer = api.release("g-1", x_request_id="q-1")

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    assert answer.json() == {**held, "status": "released"}
    assert answer.json()["seats"] == ["7", "8"]
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (6, 0, 0)


def test_release_is_in_the_ledger(api: Api, bring_to: BringTo) -> None:
    group = bring_to("held")
    api.release("g-1", x_request_id="q-1")

    entry = LedgerEntry.objects.get(group=group, number=3)
    assert (entry.effect, entry.tickets, entry.seats) == ("released", 2, ["7", "8"])
    assert (entry.global_id, entry.asked_by, entry.request_id) == ("g-1", api.caller, "q-1")
    assert entry.at == Hold.objects.get().changed_at


def test_released_tickets_can_be_held_again(api: Api, bring_to: BringTo) -> None:
    group = bring_to("released")

    assert api.hold(group, 6, "g-2").status_code == 201


@pytest.mark.parametrize("slash", ["", "/"])
def test_path_is_served_with_and_without_a_trailing_slash(broker: Broker, slash: str) -> None:
    assert Api(broker, slash=slash).release("g-1").status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"global_id": "another", "reason": "changed"}])
def test_body_is_not_needed_and_not_read(api: Api, bring_to: BringTo, body: object) -> None:
    bring_to("held")
    answer = api.post("release", "holds/g-1/release", body)

    assert answer.json()["status"] == "released"
    assert answer.json()["global_id"] == "g-1"


@pytest.mark.parametrize("state", ["released", "tombstone"])
def test_released_id_is_replayed(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    before = api.look_up_hold("g-1", x_request_id="q-1").json()
    with unchanged():
        answer = api.release("g-1", x_request_id="q-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    assert answer.json() == before


def test_voided_id_is_released_and_nothing_changes(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    bring_to("voided")
    with unchanged():
        answer = api.release("g-1")

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    assert (answer.json()["status"], answer.json()["order_id"]) == ("released", "o-1")
    assert api.look_up_hold("g-1").json()["status"] == "voided"


def test_expired_id_is_released_and_no_tickets_move(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    group = bring_to("expired")
    with unchanged(but=[Hold, LedgerEntry, TicketGroup]):
        answer = api.release("g-1", x_request_id="q-1")

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    assert answer.json() == {**api.look_up_hold("g-1").json(), "request_id": "q-1"}
    assert (answer.json()["status"], answer.json()["seats"]) == ("released", ["7", "8"])
    before = group.quantity, group.held, group.sold
    group.refresh_from_db()
    assert (group.quantity, group.held, group.sold) == before == (6, 0, 0)
    entry = LedgerEntry.objects.get(group=group, number=4)
    assert (entry.effect, entry.tickets, entry.seats) == ("released_late", 2, ["7", "8"])
    assert (entry.held, entry.sold, entry.request_id) == (0, 0, "q-1")


def test_release_after_expiry_is_replayed(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    bring_to("released late")
    with unchanged():
        answer = api.release("g-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")


def test_id_released_after_expiry_is_never_sold_or_held(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    group = bring_to("released late")
    with unchanged(but=[OrderException]):
        invoice = api.invoice("o-1", "g-1")
        hold = api.hold(group, 2, "g-1")

    assert (invoice.status_code, invoice.json()["code"]) == (409, "hold_released")
    assert (hold.status_code, hold.json()["code"]) == (409, "hold_released")
    assert OrderException.objects.get().reason == "hold_released"


def test_unknown_id_is_released_with_a_tombstone(api: Api, unchanged: Unchanged) -> None:
    with unchanged(but=[Hold]):
        answer = api.release("g-1", x_request_id="q-1")

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    assert answer.json() == {
        "global_id": "g-1",
        "remote_id": None,
        "quantity": 0,
        "status": "released",
        "section": None,
        "row": None,
        "seats": [],
        "unit_price": None,
        "total": None,
        "currency": None,
        "expires_at": None,
        "order_id": None,
        "request_id": "q-1",
    }
    assert (Hold.objects.get().broker, Hold.objects.get().global_id) == (api.broker, "g-1")


def test_late_hold_of_a_released_id_holds_nothing(api: Api, bring_to: BringTo) -> None:
    group = bring_to("tombstone")

    assert api.hold(group, 2, "g-1").status_code == 409
    group.refresh_from_db()
    assert group.free == 6


@pytest.mark.parametrize("state", ["invoiced", "invoiced late"])
def test_invoiced_id_is_refused(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    with unchanged(but=[OrderException]):
        answer = api.release("g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_invoiced")
    assert answer.json()["order_id"] == "o-1"
    assert answer.json()["exception_id"] == OrderException.objects.latest("id").public_id


def test_refused_release_is_one_exception_however_often_it_comes(
    api: Api, bring_to: BringTo
) -> None:
    bring_to("invoiced")
    for _ in range(3):
        assert api.release("g-1").status_code == 409

    exception = OrderException.objects.get()
    assert (exception.broker, exception.global_id) == (api.broker, "g-1")
    assert (exception.order_id, exception.reason) == ("o-1", "already_invoiced")
    assert (exception.amount, exception.currency) == (Decimal("80.00"), "USD")
    assert (exception.answer, exception.times) == ("already_invoiced", 3)
    assert exception.hold == Hold.objects.get()
    assert exception.first_at < exception.last_at
    assert exception.resolved_at is None


@pytest.mark.django_db(transaction=True)
def test_exception_is_committed_before_the_answer_leaves(api: Api, bring_to: BringTo) -> None:
    bring_to("invoiced")
    assert api.release("g-1").status_code == 409

    with connection.copy(DEFAULT_DB_ALIAS).temporary_connection() as another:
        another.execute("SELECT reason FROM holds_orderexception")
        assert another.fetchall() == [("already_invoiced",)]


@pytest.mark.parametrize("state", ["held", "invoiced", "released", "tombstone", "expired"])
def test_another_brokers_id_answers_as_one_that_never_existed(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    never = Api(BrokerFactory()).release("g-1", x_request_id="q-1")
    bring_to(state)
    stranger = Api(BrokerFactory())
    with unchanged(but=[Hold]):
        before = list(Hold.objects.filter(broker=api.broker).values())
        answer = stranger.release("g-1", x_request_id="q-1")

    assert (answer.status_code, answer.content) == (never.status_code, never.content)
    assert answer.headers == never.headers
    assert list(Hold.objects.filter(broker=api.broker).values()) == before


def test_ids_differ_by_case(api: Api, group: TicketGroup) -> None:
    api.hold(group, 2, "g-a")

    assert api.release("g-A").json()["quantity"] == 0
    assert api.look_up_hold("g-a").json()["status"] == "held"


def test_tombstone_has_the_currency_of_its_broker(api: Api) -> None:
    Broker.objects.update(currency="EUR")
    api.release("g-1")

    assert Hold.objects.get().currency == "EUR"
