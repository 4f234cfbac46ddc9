"""What staff do at the same moment as others: each line-up at the lock, in both orders."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from holds import services, staff
from holds.models import Hold, OrderException
from inventory.errors import Refusal
from inventory.models import Broker, TicketGroup
from invoices.models import Invoice, Void
from invoices.services import void
from invoices.staff import sell, sell_held
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import DatabaseClock
from tests.support.marketplace import Api
from tests.support.rivals import Rivals, agrees, before
from tests.support.staff import Staff, page_of
from tests.test_staff_hold import CLERK, wanted
from tests.test_staff_sale import STUBHUB, held

pytestmark = pytest.mark.django_db(transaction=True)


def told(call: Callable[[], object]) -> Callable[[], str]:
    """A call that says what came of it: done, or the kind of its refusal."""

    def outcome() -> str:
        try:
            call()
        except Refusal as refusal:
            return type(refusal).__name__
        return "done"

    return outcome


def test_form_that_is_sent_twice_at_once_has_one_effect(rivals: Rivals, group: TicketGroup) -> None:
    to_sell, to_hold = wanted(group, 2), wanted(group, 2)
    until = timezone.now() + timedelta(days=1)

    def selling() -> bool:
        return sell(to_sell, STUBHUB, caller=CLERK).replayed

    def holding() -> bool:
        terms = {"until": until, "unit_price": Decimal(40), "customer": "Jane Doe"}
        return staff.hold(to_hold, **terms, caller=CLERK).replayed  # type: ignore[arg-type]

    assert rivals.queue(group, selling, selling, holding, holding) == [False, True, False, True]
    assert Hold.objects.count() == 2
    assert agrees()


@pytest.mark.parametrize("first", ["sale", "release", "expiry"])
def test_hold_is_sold_or_free_whoever_comes_first(
    rivals: Rivals, group: TicketGroup, database_clock: DatabaseClock, first: str
) -> None:
    hold = held(group, "7", "8")
    if first == "expiry":
        database_clock.move(2 * 86_400)
    name = {"broker_id": group.broker_id, "global_id": hold.global_id}

    def sale() -> str:
        return told(lambda: sell_held(**name, sale=STUBHUB, caller=CLERK))()  # type: ignore[arg-type]

    def release() -> str:
        return told(lambda: services.release(**name, caller=CLERK, by_staff=True))()  # type: ignore[arg-type]

    if first == "sale":
        outcomes = rivals.queue(group, sale, release)
        assert outcomes == ["done", "AlreadyInvoiced"]
    elif first == "release":
        assert rivals.queue(group, release, sale) == ["done", "HoldReleased"]
    else:
        services.expire(batch=10, caller=CLERK)
        assert rivals.queue(group, sale, sale) == ["HoldExpired"] * 2
    assert not OrderException.objects.exists()  # staff see the answer themselves
    assert agrees()


def test_sweep_passes_over_a_hold_that_is_being_sold(
    rivals: Rivals,
    group: TicketGroup,
    database_clock: DatabaseClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = held(group)
    database_clock.move(2 * 86_400)
    swept: list[int] = []

    def sweep() -> None:
        swept.append(rivals.start(lambda: services.expire(batch=10, caller=CLERK)).result(10))

    before(monkeypatch, Invoice.objects, "issue", sweep)
    sell_held(broker_id=group.broker_id, global_id=hold.global_id, sale=STUBHUB, caller=CLERK)

    hold.refresh_from_db()
    assert (swept, hold.state) == ([0], "invoiced")
    assert agrees()


@pytest.mark.parametrize("back", [True, False])
def test_sale_that_two_void_at_once_is_voided_once(
    rivals: Rivals, group: TicketGroup, back: bool
) -> None:
    sell(wanted(group, 2), STUBHUB, caller=CLERK)
    invoice = Invoice.objects.select_related("hold").get()

    def undo(back_to_stock: bool) -> Callable[[], str]:
        return told(lambda: void(invoice, reason="Slip", back_to_stock=back_to_stock, caller=CLERK))

    assert rivals.queue(group, undo(back), undo(not back)) == ["done", "SaleVoided"]
    group.refresh_from_db()
    assert (Void.objects.get().back_to_stock, group.quantity) == (back, 6 if back else 4)
    assert agrees()


def test_release_from_a_page_that_comes_after_the_sale_is_no_work_for_staff(
    api: Api, staff: Staff, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.hold(group, 2, "g-1")
    before(monkeypatch, services, "release", lambda: api.invoice("o-1", "g-1"))
    said = staff.act("release", Hold.objects.get())

    assert said == ["hold g-1: The hold is invoiced and cannot be released."]
    assert not OrderException.objects.exists()
    assert page_of(OrderException) in staff.page(page_of(Hold))


def test_late_invoice_does_not_take_what_staff_have_sold_since(
    api: Api, broker: Broker, database_clock: DatabaseClock
) -> None:
    group = TicketGroupFactory(broker=broker, seats=["7", "8"], quantity=2)
    api.hold(group, 2, "g-1")
    database_clock.move(900)
    sell(wanted(group, 2, "7", "8"), STUBHUB, caller=CLERK)

    refused = api.invoice("o-1", "g-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "tickets_unavailable")
    void(Invoice.objects.select_related("hold").get(), reason="Slip", caller=CLERK)
    assert api.invoice("o-1", "g-1").json()["late"]
