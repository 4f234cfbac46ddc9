"""An invoice whose hold has expired: honoured while tickets are free, loud where they are not."""

from decimal import Decimal

import pytest

from holds.models import Hold, OrderException
from inventory.models import LedgerEntry, TicketGroup
from tests.support.factories import EventFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db


def test_same_seats_are_sold_while_they_are_free(api: Api, bring_to: BringTo) -> None:
    group = bring_to("expired")
    answer = api.invoice("o-1", "g-1", x_request_id="q-1")

    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["late"]) == ("invoiced", True)
    assert answer.json()["seats"] == ["7", "8"]
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (4, 0, 2)
    entry = LedgerEntry.objects.get(group=group, number=4)
    assert (entry.effect, entry.tickets, entry.seats) == ("invoiced_late", 2, ["7", "8"])
    assert (entry.global_id, entry.asked_by, entry.request_id) == ("g-1", api.caller, "q-1")


def test_same_seats_are_sold_even_where_others_would_be_chosen(
    api: Api, database_clock: DatabaseClock, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    api.hold(group, 2, "g-2")
    api.release("g-1")
    database_clock.move(900)
    api.hold(group, 4, "g-3")  # needs the tickets of g-2, which is expired by that
    api.release("g-3")

    assert api.invoice("o-2", "g-2").json()["seats"] == ["9", "10"]


def test_staff_are_told(api: Api, bring_to: BringTo) -> None:
    bring_to("expired")
    answer = api.invoice("o-1", "g-1")

    exception = OrderException.objects.get()
    assert (exception.order_id, exception.reason) == ("o-1", "late_invoice")
    assert (exception.answer, exception.amount) == ("invoiced", Decimal("80.00"))
    assert (exception.hold, exception.resolved_at) == (Hold.objects.get(), None)
    assert answer.json()["exception_id"] == exception.public_id


def test_repeated_late_invoice_answers_as_the_first_and_records_nothing(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    bring_to("expired")
    first = api.invoice("o-1", "g-1", x_request_id="q-1")
    with unchanged():
        again = api.invoice("o-1", "g-1", x_request_id="q-1")

    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()


def test_other_seats_together_are_sold_where_its_own_are_taken(api: Api, bring_to: BringTo) -> None:
    group = bring_to("expired")
    api.hold(group, 2, "g-2")  # takes 7 and 8

    answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["late"]) == (201, True)
    assert answer.json()["seats"] == ["9", "10"]
    assert api.look_up_hold("g-1").json()["seats"] == ["9", "10"]


def test_counted_tickets_are_sold_while_enough_are_free(
    api: Api, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=3)
    api.hold(group, 2, "g-1")
    database_clock.move(900)
    api.hold(group, 2, "g-2")  # needs a ticket of g-1, which is expired by that

    assert api.invoice("o-1", "g-1").json()["code"] == "tickets_unavailable"
    api.release("g-2")
    assert api.invoice("o-1", "g-1").status_code == 201


def test_split_rule_and_sale_do_not_stop_an_order_that_is_accepted(
    api: Api, bring_to: BringTo
) -> None:
    bring_to("expired")
    TicketGroup.objects.update(split_rule="none", on_sale=False)

    answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["late"]) == (201, True)
    exception = OrderException.objects.get()
    assert (exception.reason, exception.public_id) == (
        "late_off_sale",
        answer.json()["exception_id"],
    )


def test_group_that_has_vanished_from_the_book_is_unavailable(
    api: Api, bring_to: BringTo, unchanged: Unchanged
) -> None:
    bring_to("expired")
    TicketGroup.objects.update(listed=False)
    with unchanged(but=[OrderException]):
        answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "tickets_unavailable")
    exception = OrderException.objects.get()
    assert (exception.reason, exception.public_id) == (
        "tickets_unavailable",
        answer.json()["exception_id"],
    )


@pytest.mark.parametrize("taken", [5, 6])
def test_taken_tickets_are_unavailable(
    api: Api, bring_to: BringTo, unchanged: Unchanged, taken: int
) -> None:
    api.hold(bring_to("expired"), taken, "g-2")
    with unchanged(but=[OrderException]):
        answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "tickets_unavailable")
    exception = OrderException.objects.get()
    assert answer.json()["exception_id"] == exception.public_id
    assert (exception.order_id, exception.reason) == ("o-1", "tickets_unavailable")
    assert (exception.amount, exception.answer) == (Decimal("80.00"), "tickets_unavailable")


@pytest.mark.parametrize("moved", ["event", "section", "row"])
def test_tickets_that_lie_elsewhere_by_now_are_unavailable(
    api: Api, bring_to: BringTo, unchanged: Unchanged, moved: str
) -> None:
    bring_to("expired")
    elsewhere = EventFactory(broker=api.broker) if moved == "event" else "elsewhere"
    TicketGroup.objects.update(**{moved: elsewhere})
    with unchanged(but=[OrderException]):
        answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "tickets_unavailable")


def test_free_tickets_that_are_apart_are_unavailable(api: Api, bring_to: BringTo) -> None:
    group = bring_to("expired")
    for global_id in ("g-2", "g-3", "g-4", "g-5", "g-6"):
        api.hold(group, 1, global_id)  # 7, 8, 9, 10 and 11
    api.release("g-5")
    group.refresh_from_db()
    assert group.free == 2  # 10 and 12

    assert api.invoice("o-1", "g-1").json()["code"] == "tickets_unavailable"


def test_tickets_of_an_overdue_hold_are_not_free(
    api: Api, bring_to: BringTo, database_clock: DatabaseClock
) -> None:
    api.hold(bring_to("expired"), 6, "g-2")
    database_clock.move(900)

    assert api.invoice("o-1", "g-1").json()["code"] == "tickets_unavailable"
    assert api.invoice("o-2", "g-2").status_code == 201


def test_unavailable_tickets_are_one_exception_however_often_they_are_asked_for(
    api: Api, bring_to: BringTo
) -> None:
    api.hold(bring_to("expired"), 6, "g-2")
    answers = {api.invoice("o-1", "g-1").json()["exception_id"] for _ in range(3)}

    exception = OrderException.objects.get()
    assert (answers, exception.times) == ({exception.public_id}, 3)


def test_same_call_succeeds_once_tickets_are_free_and_closes_the_exception(
    api: Api, bring_to: BringTo
) -> None:
    api.hold(bring_to("expired"), 6, "g-2")
    assert api.invoice("o-1", "g-1").status_code == 409
    api.release("g-2")

    answer = api.invoice("o-1", "g-1")

    assert (answer.status_code, answer.json()["late"]) == (201, True)
    unavailable, late = OrderException.objects.order_by("id")
    assert unavailable.resolved_at
    assert (late.reason, late.resolved_at) == ("late_invoice", None)


def test_expiry_never_moves(api: Api, bring_to: BringTo) -> None:
    group = bring_to("expired")
    before = api.look_up_hold("g-1").json()["expires_at"]
    api.invoice("o-1", "g-1")

    assert api.look_up_hold("g-1").json()["expires_at"] == before
    assert api.hold(group, 2, "g-1").json()["expires_at"] == before


def test_other_seats_are_those_that_leave_most_to_sell_under_the_split_rule(
    api: Api, database_clock: DatabaseClock
) -> None:
    seats = [str(number) for number in range(1, 14)]
    group = TicketGroupFactory(broker=api.broker, seats=seats)
    api.hold(group, 2, "g-1")
    database_clock.move(900)
    api.hold(group, 13, "g-2")  # needs the tickets of g-1, which is expired by that
    api.release("g-2")
    for global_id, quantity in (("g-3", 2), ("g-4", 4), ("g-5", 2)):
        api.hold(group, quantity, global_id)
    api.release("g-4")  # 3 to 6 are free, and 9 to 13: of these two threes can still be sold
    TicketGroup.objects.update(split_rule="custom", split_quantities=[3])

    assert api.invoice("o-1", "g-1").json()["seats"] == ["9", "10"]


@pytest.mark.parametrize("seats", [[], ["7", "8"]])
def test_last_free_tickets_are_sold(
    api: Api, database_clock: DatabaseClock, seats: list[str]
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=seats, quantity=2)
    api.hold(group, 2, "g-1")
    database_clock.move(900)
    api.hold(group, 2, "g-2")  # needs the tickets of g-1, which is expired by that
    api.release("g-2")

    assert api.invoice("o-1", "g-1").status_code == 201
