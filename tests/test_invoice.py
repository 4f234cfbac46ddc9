"""POST /api/v1/invoices: every row of the contract's table, and the answers to the letter."""

import re
from decimal import Decimal

import pytest
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from holds.models import Hold, OrderException, Reason
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice
from invoices.services import void
from invoices.staff import Sale, sell
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api
from tests.test_staff_hold import CLERK, wanted

pytestmark = pytest.mark.django_db


def test_held_id_is_invoiced(api: Api, bring_to: BringTo) -> None:
    group = bring_to("held")
    answer = api.invoice("4606857-10324712", "g-1", x_request_id="q-1")

    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer
    assert answer.json() == {
        "order_id": "4606857-10324712",
        "global_id": "g-1",
        "remote_id": group.remote_id,
        "quantity": 2,
        "status": "invoiced",
        "buyer": "Ticket Evolution",
        "section": "211",
        "row": "15",
        "seats": ["7", "8"],
        "unit_price": "40.00",
        "total": "80.00",
        "currency": "USD",
        "late": False,
        "invoiced_at": f"{Invoice.objects.get().invoiced_at:%Y-%m-%dT%H:%M:%SZ}",
        "request_id": "q-1",
    }
    assert not OrderException.objects.exists()


def test_overdue_id_is_invoiced_and_not_late(api: Api, bring_to: BringTo) -> None:
    bring_to("overdue")
    answer = api.invoice("o-1", "g-1")

    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["late"]) == ("invoiced", False)
    assert not OrderException.objects.exists()


def test_invoice_counts_the_tickets_and_is_in_the_ledger(api: Api, bring_to: BringTo) -> None:
    group = bring_to("held")
    api.invoice("o-1", "g-1", x_request_id="q-1")

    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (4, 0, 2)
    entry = LedgerEntry.objects.get(group=group, number=3)
    assert (entry.effect, entry.tickets, entry.seats) == ("invoiced", 2, ["7", "8"])
    assert (entry.global_id, entry.asked_by, entry.request_id) == ("g-1", api.caller, "q-1")
    assert entry.at == Invoice.objects.get().invoiced_at


@pytest.mark.parametrize("slash", ["", "/"])
def test_path_is_served_with_and_without_a_trailing_slash(
    broker: Broker, group: TicketGroup, slash: str
) -> None:
    api = Api(broker, slash=slash)
    api.hold(group, 2, "g-1")

    assert api.invoice("o-1", "g-1").status_code == 201


def test_price_is_that_of_the_time_of_the_hold(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, price=Decimal("123456.79"))
    api.hold(group, 3, "g-1")
    TicketGroup.objects.update(price=Decimal("1.00"))
    Broker.objects.update(currency="EUR")

    body = api.invoice("o-1", "g-1").json()
    assert (body["unit_price"], body["total"]) == ("123456.79", "370370.37")
    assert body["currency"] == "USD"


def test_group_off_sale_still_honours_its_hold(api: Api, bring_to: BringTo) -> None:
    bring_to("held")
    TicketGroup.objects.update(on_sale=False)

    assert api.invoice("o-1", "g-1").status_code == 201


def test_invoice_without_seat_numbers_has_no_seats(api: Api) -> None:
    api.hold(TicketGroupFactory(broker=api.broker, seats=[], quantity=4), 3, "g-1")

    assert api.invoice("o-1", "g-1").json()["seats"] == []


def test_one_order_id_invoices_several_global_ids(api: Api, group: TicketGroup) -> None:
    for global_id in ("g-1", "g-2"):
        api.hold(group, 2, global_id)
        assert api.invoice("o-1", global_id).status_code == 201

    group.refresh_from_db()
    assert (group.free, group.sold) == (2, 4)


@pytest.mark.parametrize("state", ["invoiced", "invoiced late"])
def test_invoiced_id_with_the_same_order_id_is_replayed(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    (line,) = api.look_up_invoice("o-1").json()["invoices"]
    with unchanged():
        answer = api.invoice("o-1", "g-1", x_request_id="q-1")

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    late = OrderException.objects.values_list("public_id", flat=True).first()
    told = {"exception_id": late} if late else {}
    assert answer.json() == {**line, **told, "request_id": "q-1"}


@pytest.mark.parametrize("state", ["invoiced", "invoiced late"])
def test_invoiced_id_with_another_order_id_is_a_conflict(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    with unchanged(but=[OrderException]):
        answer = api.invoice("o-2", "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "order_conflict")
    assert answer.json()["order_id"] == "o-1"
    assert answer.json()["exception_id"] == OrderException.objects.latest("id").public_id


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("released", (409, "hold_released")),
        ("released late", (409, "hold_released")),
        ("tombstone", (409, "hold_released")),
        ("voided", (409, "sale_voided")),
        ("unknown", (404, "hold_not_found")),
    ],
)
def test_id_that_holds_nothing_is_refused(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str, refusal: tuple[int, str]
) -> None:
    bring_to(state)
    with unchanged(but=[OrderException]):
        answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["code"]) == refusal
    assert answer.json()["exception_id"] == OrderException.objects.get().public_id


@pytest.mark.parametrize(
    ("state", "reason", "amount"),
    [
        ("invoiced", "order_conflict", Decimal("80.00")),
        ("released", "hold_released", Decimal("80.00")),
        ("tombstone", "hold_released", None),
        ("voided", "sale_voided", Decimal("80.00")),
        ("unknown", "hold_not_found", None),
    ],
)
def test_refused_invoice_is_one_exception_however_often_it_comes(
    api: Api, bring_to: BringTo, state: str, reason: str, amount: Decimal | None
) -> None:
    bring_to(state)
    for _ in range(3):
        assert api.invoice("o-2", "g-1").json()["code"] == reason

    exception = OrderException.objects.get()
    assert (exception.broker, exception.global_id) == (api.broker, "g-1")
    assert (exception.order_id, exception.reason) == ("o-2", reason)
    assert (exception.answer, exception.times) == (reason, 3)
    assert (exception.amount, exception.currency) == (amount, "USD" if amount else "")
    assert exception.hold == Hold.objects.first()
    assert exception.resolved_at is None


def test_each_order_id_and_each_reason_is_an_exception_of_its_own(
    api: Api, bring_to: BringTo
) -> None:
    api.invoice("o-1", "g-1")
    api.invoice("o-2", "g-1")
    bring_to("tombstone")
    api.invoice("o-1", "g-1")

    facts = OrderException.objects.order_by("id").values_list("order_id", "reason", "times")
    assert list(facts) == [
        ("o-1", "hold_not_found", 1),
        ("o-2", "hold_not_found", 1),
        ("o-1", "hold_released", 1),
    ]


@pytest.mark.django_db(transaction=True)
def test_exception_is_committed_before_the_answer_leaves(api: Api) -> None:
    assert api.invoice("o-1", "g-1").status_code == 404

    with connection.copy(DEFAULT_DB_ALIAS).temporary_connection() as another:
        another.execute("SELECT reason FROM holds_orderexception")
        assert another.fetchall() == [("hold_not_found",)]


def test_invoice_before_its_hold_succeeds_later_and_closes_the_exception(
    api: Api, bring_to: BringTo
) -> None:
    assert api.invoice("o-1", "g-1").status_code == 404
    bring_to("held")

    assert api.invoice("o-1", "g-1", x_request_id="q-1").status_code == 201

    exception = OrderException.objects.get()
    assert exception.resolved_at == Invoice.objects.get().invoiced_at
    assert exception.resolved_by == api.caller
    assert exception.note


def test_success_of_one_order_id_leaves_the_exception_of_another_open(
    api: Api, bring_to: BringTo
) -> None:
    api.invoice("o-1", "g-1")
    api.invoice("o-1", "g-2")
    bring_to("held")
    api.invoice("o-2", "g-1")

    assert OrderException.objects.open().count() == 2


@pytest.mark.parametrize("state", ["held", "invoiced", "released", "expired", "voided"])
def test_another_brokers_id_answers_as_one_that_never_existed(
    api: Api, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    never = Api(BrokerFactory()).invoice("o-1", "g-1", x_request_id="q-1")
    bring_to(state)
    stranger = Api(BrokerFactory())
    with unchanged(but=[OrderException]):
        answer = stranger.invoice("o-1", "g-1", x_request_id="q-1")

    assert answer.status_code == never.status_code
    ids = [one.json().pop("exception_id") for one in (answer, never)]
    assert answer.content == never.content.replace(ids[1].encode(), ids[0].encode())
    assert answer.headers == never.headers
    assert not OrderException.objects.filter(broker=api.broker).exists()


def test_exception_ids_tell_nothing_of_other_exceptions(api: Api) -> None:
    ids = [api.invoice("o-1", f"g-{n}").json()["exception_id"] for n in range(20)]
    ids += [Api(BrokerFactory()).invoice("o-1", "g-1").json()["exception_id"]]

    assert len(set(ids)) == 21
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    assert sorted(ids) != ids


@pytest.mark.parametrize("late", [False, True])
def test_order_that_staff_have_sold_is_honoured_and_staff_are_told(
    api: Api, bring_to: BringTo, late: bool
) -> None:
    group = bring_to("expired" if late else "held")
    sell(wanted(group, 1), Sale("Phone", "o-1", Decimal("45.00")), caller=CLERK)

    answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["late"]) == (201, late)
    recorded = OrderException.objects.order_by("id")
    reasons = [exception.reason for exception in recorded]
    assert reasons == [*(["late_invoice"] if late else []), "sold_by_staff"]
    assert answer.json()["exception_id"] == recorded[0].public_id
    twice = recorded.get(reason="sold_by_staff")
    assert (twice.order_id, twice.global_id) == ("o-1", "g-1")
    assert (twice.amount, twice.answer, twice.resolved_at) == (Decimal("80.00"), "invoiced", None)


def test_sale_by_staff_counts_only_under_that_order_of_that_broker_and_while_it_stands(
    api: Api, bring_to: BringTo
) -> None:
    group = bring_to("held")
    sell(wanted(group, 1), Sale("Phone", "o-2", Decimal("45.00")), caller=CLERK)
    sell(wanted(group, 1), Sale("Phone", "o-1", Decimal("45.00")), caller=CLERK)
    void(Invoice.objects.get(order_id="o-1"), reason="Typed twice", caller=CLERK)
    stranger = TicketGroupFactory(broker=BrokerFactory())
    sell(wanted(stranger, 1), Sale("Phone", "o-1", Decimal("45.00")), caller=CLERK)

    answer = api.invoice("o-1", "g-1")

    assert answer.status_code == 201
    assert "exception_id" not in answer.json()
    assert not OrderException.objects.exists()


def test_replayed_invoice_closes_an_exception_that_the_sale_could_not_see(
    api: Api, bring_to: BringTo
) -> None:
    bring_to("invoiced")
    exceptions = OrderException.objects
    exceptions.record(
        Reason.HOLD_NOT_FOUND,
        broker_id=api.broker.id,
        global_id="g-1",
        order_id="o-1",
        hold=None,
        now=timezone.now(),
        answer="hold_not_found",
    )

    assert api.invoice("o-1", "g-1")["Idempotent-Replayed"] == "true"

    exception = exceptions.get()
    assert exception.resolved_at
    assert exception.resolved_by == api.caller


def test_replayed_invoice_leaves_work_for_staff_open(api: Api, bring_to: BringTo) -> None:
    bring_to("invoiced late")
    assert api.release("g-1").status_code == 409

    assert api.invoice("o-1", "g-1").status_code == 200

    open_ones = OrderException.objects.open().order_by("id")
    assert [each.reason for each in open_ones] == ["late_invoice", "already_invoiced"]


def test_repeated_call_counts_a_resolved_exception_and_leaves_it_resolved(api: Api) -> None:
    api.invoice("o-1", "g-1")
    exceptions = OrderException.objects.all()
    exceptions.resolve(now=exceptions.get().first_at, by="user kim", note="Called the buyer.")
    resolved = exceptions.get()
    api.invoice("o-1", "g-1")

    exception = exceptions.get()
    assert exception.times == 2
    assert exception.last_at > exception.first_at == resolved.resolved_at
    assert exception.resolved_at == resolved.resolved_at
    assert (exception.resolved_by, exception.note) == ("user kim", "Called the buyer.")


def test_success_leaves_another_brokers_exception_of_the_same_ids_open(
    api: Api, bring_to: BringTo
) -> None:
    other = Api(BrokerFactory())
    for caller in (api, other):
        caller.invoice("o-1", "g-1")
    bring_to("held")
    assert api.invoice("o-1", "g-1").status_code == 201

    assert OrderException.objects.open().get().broker == other.broker
