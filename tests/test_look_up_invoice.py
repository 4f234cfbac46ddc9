"""GET /api/v1/invoices/{order_id}: the invoices of an order."""

import pytest

from inventory.models import Broker, TicketGroup
from tests.support.factories import BrokerFactory
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_look_up_lists_the_invoice_as_the_call_answered_it(api: Api, group: TicketGroup) -> None:
    api.hold(group, 2, "g-1")
    invoice = api.invoice("o-1", "g-1", x_request_id="q-1").json()
    answer = api.look_up_invoice("o-1", x_request_id="q-2")

    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    del invoice["request_id"]
    assert answer.json() == {"order_id": "o-1", "invoices": [invoice], "request_id": "q-2"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_path_is_served_with_and_without_a_trailing_slash(
    broker: Broker, group: TicketGroup, slash: str
) -> None:
    api = Api(broker, slash=slash)
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")

    assert api.look_up_invoice("o-1").status_code == 200


def test_order_with_several_holds_lists_each_in_the_order_of_their_sale(
    api: Api, group: TicketGroup
) -> None:
    for global_id in ("g-1", "g-2", "g-3"):
        api.hold(group, 2, global_id)
    for global_id in ("g-2", "g-1"):
        api.invoice("o-1", global_id)
    api.invoice("o-2", "g-3")

    lines = api.look_up_invoice("o-1").json()["invoices"]
    assert [(line["global_id"], line["seats"]) for line in lines] == [
        ("g-2", ["9", "10"]),
        ("g-1", ["7", "8"]),
    ]


@pytest.mark.parametrize(
    ("state", "status", "late"),
    [
        ("invoiced", "invoiced", False),
        ("invoiced late", "invoiced", True),
        ("voided", "voided", False),
    ],
)
def test_status_is_the_state_of_the_sale(
    api: Api, bring_to: BringTo, state: str, status: str, late: bool
) -> None:
    bring_to(state)
    (line,) = api.look_up_invoice("o-1").json()["invoices"]

    assert (line["status"], line["late"]) == (status, late)
    assert (line["total"], line["seats"]) == ("80.00", ["7", "8"])


def test_look_up_changes_nothing(api: Api, bring_to: BringTo, unchanged: Unchanged) -> None:
    bring_to("invoiced")
    with unchanged():
        api.look_up_invoice("o-1")


def test_unknown_order_id_is_not_found(api: Api, unchanged: Unchanged) -> None:
    with unchanged():
        answer = api.look_up_invoice("o-1")

    assert (answer.status_code, answer.json()["code"]) == (404, "invoice_not_found")


def test_order_id_of_a_refused_invoice_is_not_found(api: Api) -> None:
    api.invoice("o-1", "g-1")

    assert api.look_up_invoice("o-1").status_code == 404


def test_another_brokers_order_answers_as_one_that_never_existed(
    api: Api, bring_to: BringTo
) -> None:
    stranger = Api(BrokerFactory())
    never = stranger.look_up_invoice("o-1", x_request_id="q-1")
    bring_to("invoiced")
    answer = stranger.look_up_invoice("o-1", x_request_id="q-1")

    assert (answer.status_code, answer.content) == (never.status_code, never.content)
    assert answer.headers == never.headers


@pytest.mark.parametrize("order_id", ["x" * 129, "a b", "é", "a\0"])
def test_path_that_can_be_no_id_is_invalid(api: Api, order_id: str) -> None:
    answer = api.look_up_invoice(order_id)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == ["order_id"]
