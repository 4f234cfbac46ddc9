"""GET /api/v1/holds/{global_id}: what became of a global id."""

import string

import pytest

from inventory.models import Broker, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_look_up_answers_the_hold_as_the_call_did(api: Api, group: TicketGroup) -> None:
    held = api.hold(group, 2, "g-1", x_request_id="q-1")
    answer = api.look_up_hold("g-1", x_request_id="q-1")

    assert (answer.status_code, answer.content) == (200, held.content)
    assert "Idempotent-Replayed" not in answer


@pytest.mark.parametrize("slash", ["", "/"])
def test_path_is_served_with_and_without_a_trailing_slash(
    broker: Broker, group: TicketGroup, slash: str
) -> None:
    api = Api(broker, slash=slash)
    api.hold(group, 2, "g-1")

    assert api.look_up_hold("g-1").status_code == 200


@pytest.mark.parametrize(
    ("state", "status", "order_id"),
    [
        ("held", "held", None),
        ("overdue", "held", None),
        ("released", "released", None),
        ("released late", "released", None),
        ("expired", "expired", None),
        ("invoiced", "invoiced", "o-1"),
        ("invoiced late", "invoiced", "o-1"),
        ("voided", "voided", "o-1"),
    ],
)
def test_status_is_the_state(
    api: Api, bring_to: BringTo, state: str, status: str, order_id: str | None
) -> None:
    bring_to(state)
    body = api.look_up_hold("g-1").json()

    assert (body["status"], body["order_id"]) == (status, order_id)
    assert (body["quantity"], body["seats"]) == (2, ["7", "8"])
    assert body["expires_at"]


def test_tombstone_has_no_tickets(api: Api, bring_to: BringTo) -> None:
    bring_to("tombstone")
    body = api.look_up_hold("g-1").json()

    assert (body["status"], body["remote_id"], body["quantity"]) == ("released", None, 0)
    assert (body["section"], body["row"], body["seats"]) == (None, None, [])
    assert (body["expires_at"], body["order_id"]) == (None, None)


def test_hold_without_seat_numbers_has_no_seats(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, section="GA", row="GA", seats=[], quantity=4)
    api.hold(group, 3, "g-1")
    body = api.look_up_hold("g-1").json()

    assert (body["section"], body["row"], body["seats"]) == ("GA", "GA", [])
    assert body["quantity"] == 3


def test_hold_keeps_what_the_marketplace_was_told(api: Api, group: TicketGroup) -> None:
    held = api.hold(group, 2, "g-1").json()
    TicketGroup.objects.update(section="Floor", row="A")

    body = api.look_up_hold("g-1").json()
    assert (body["section"], body["row"]) == (held["section"], held["row"])


@pytest.mark.parametrize("state", ["overdue", "invoiced", "tombstone"])
def test_look_up_changes_nothing(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    with unchanged():
        api.look_up_hold("g-1")


def test_unknown_id_is_not_found(api: Api, unchanged: Unchanged) -> None:
    with unchanged():
        answer = api.look_up_hold("g-1")

    assert (answer.status_code, answer.json()["code"]) == (404, "hold_not_found")


def test_another_brokers_id_answers_as_one_that_never_existed(api: Api, bring_to: BringTo) -> None:
    stranger = Api(BrokerFactory())
    never = stranger.look_up_hold("g-1", x_request_id="q-1")
    bring_to("held")
    answer = stranger.look_up_hold("g-1", x_request_id="q-1")

    assert (answer.status_code, answer.content) == (never.status_code, never.content)
    assert answer.headers == never.headers


@pytest.mark.parametrize("global_id", [string.punctuation.replace("/", ""), "%41", "1", "x" * 128])
def test_any_printable_id_can_be_looked_up(api: Api, group: TicketGroup, global_id: str) -> None:
    api.hold(group, 2, global_id)

    assert api.look_up_hold(global_id).json()["global_id"] == global_id


@pytest.mark.parametrize("global_id", ["x" * 129, "a b", "é", "a\0", "a\n", " ", "\ta"])
def test_path_that_can_be_no_id_is_invalid(api: Api, global_id: str) -> None:
    answer = api.look_up_hold(global_id)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == ["global_id"]
