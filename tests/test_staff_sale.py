"""Sales outside the marketplace, written down by staff, through the service."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from automator.audit import differences
from holds import services, staff
from holds.errors import HoldExpired, HoldNotFound, HoldReleased, SaleVoided
from holds.models import Hold
from inventory.errors import InsufficientTickets, Refusal
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice
from invoices.services import void
from invoices.staff import Sale, sell, sell_held
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import DatabaseClock, Unchanged
from tests.support.marketplace import Api
from tests.test_staff_hold import CLERK, wanted

pytestmark = pytest.mark.django_db

STUBHUB = Sale("StubHub", "S-77", Decimal("52.50"))


def held(group: TicketGroup, *seats: str) -> Hold:
    """Two tickets that staff hold at 45.00."""
    asked = wanted(group, 2, *seats)
    staff.hold(
        asked,
        until=timezone.now() + timedelta(days=1),
        unit_price=Decimal("45.00"),
        customer="Jane Doe",
        caller=CLERK,
    )
    return Hold.objects.get(global_id=asked.global_id)


def sold(hold: Hold, sale: Sale = STUBHUB) -> Invoice:
    outcome = sell_held(broker_id=hold.broker_id, global_id=hold.global_id, sale=sale, caller=CLERK)
    return Invoice.objects.get(hold=outcome.invoice.hold)


def test_tickets_are_sold_at_the_price_of_the_sale(group: TicketGroup) -> None:
    asked = wanted(group, 2, "9", "10")
    sell(asked, STUBHUB, customer="Jane Doe", note="Met her", caller=CLERK)

    invoice = Invoice.objects.select_related("hold").get()
    assert (invoice.buyer, invoice.order_id) == ("StubHub", "S-77")
    assert (invoice.unit_price, invoice.total) == (Decimal("52.50"), Decimal("105.00"))
    assert (invoice.hold.seats, invoice.hold.customer) == (["9", "10"], "Jane Doe")
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (4, 0, 2)
    effects = LedgerEntry.objects.filter(global_id=asked.global_id).order_by("number")
    assert [entry.effect for entry in effects] == ["held", "invoiced"]
    assert not list(differences())


def test_sale_without_a_reference_goes_by_its_own_id(group: TicketGroup) -> None:
    asked = wanted(group, 1)
    sell(asked, STUBHUB._replace(reference=""), caller=CLERK)

    assert Invoice.objects.get().order_id == asked.global_id


def test_tickets_without_seat_numbers_are_sold_by_count(broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=5)
    sell(wanted(group, 3), STUBHUB, caller=CLERK)

    group.refresh_from_db()
    assert (group.free, group.sold) == (2, 3)


def test_seats_that_are_taken_are_refused(
    api: Api, group: TicketGroup, unchanged: Unchanged
) -> None:
    api.hold(group, 2, "g-1")
    with unchanged(), pytest.raises(InsufficientTickets, match="Not free any more: 8"):
        sell(wanted(group, 2, "8", "9"), STUBHUB, caller=CLERK)


def test_form_sent_twice_sells_once(group: TicketGroup, unchanged: Unchanged) -> None:
    asked = wanted(group, 2)
    sell(asked, STUBHUB, caller=CLERK)
    with unchanged():
        assert sell(asked, STUBHUB, caller=CLERK).replayed
        with pytest.raises(Refusal, match="sent before"):
            sell(asked._replace(quantity=1), STUBHUB, caller=CLERK)
        with pytest.raises(Refusal, match="sold already, under S-77"):
            sell(asked, STUBHUB._replace(reference="S-78"), caller=CLERK)
    void(Invoice.objects.get(), reason="Slip", caller=CLERK)
    with unchanged(), pytest.raises(Refusal, match="its hold is voided now"):
        sell(asked, STUBHUB, caller=CLERK)


def test_what_staff_hold_is_sold_at_another_price(group: TicketGroup) -> None:
    hold = held(group, "9", "10")
    invoice = sold(hold)

    hold.refresh_from_db()
    assert (hold.state, hold.unit_price, hold.order_id) == ("invoiced", Decimal("45.00"), "S-77")
    assert (invoice.unit_price, invoice.total) == (Decimal("52.50"), Decimal("105.00"))
    assert not list(differences())


def test_overdue_hold_can_still_be_sold(group: TicketGroup, database_clock: DatabaseClock) -> None:
    hold = held(group)
    database_clock.move(2 * 86_400)

    assert sold(hold).hold == hold


def test_hold_that_is_no_more_is_not_sold(
    group: TicketGroup, database_clock: DatabaseClock, unchanged: Unchanged
) -> None:
    one, two, three = (held(group) for _ in range(3))
    services.release(broker_id=group.broker_id, global_id=one.global_id, caller=CLERK)
    void(sold(three), reason="Slip", caller=CLERK)
    database_clock.move(2 * 86_400)
    services.expire(batch=10, caller=CLERK)
    with unchanged():
        for hold, refusal in ((one, HoldReleased), (two, HoldExpired), (three, SaleVoided)):
            with pytest.raises(refusal):
                sold(hold)
        with pytest.raises(HoldNotFound):
            sold(Hold(broker_id=group.broker_id, global_id="staff/0000000000000000"))


def test_what_the_marketplace_holds_is_not_sold_by_staff(
    api: Api, group: TicketGroup, unchanged: Unchanged
) -> None:
    api.hold(group, 2, "g-1")
    with unchanged(), pytest.raises(Refusal, match="marketplace"):
        sold(Hold.objects.get())


def test_hold_is_sold_once(group: TicketGroup, unchanged: Unchanged) -> None:
    hold = held(group)
    invoice = sold(hold)
    with unchanged():
        assert sold(hold) == invoice
        with pytest.raises(Refusal, match="sold already, under S-77"):
            sold(hold, STUBHUB._replace(reference="S-78"))


@pytest.mark.parametrize(
    "other",
    [{"channel": "SeatGeek"}, {"unit_price": Decimal("60.00")}, {"reference": "S-78"}],
)
def test_sale_that_is_told_otherwise_the_second_time_is_refused(
    group: TicketGroup, unchanged: Unchanged, other: dict[str, Any]
) -> None:
    asked, hold = wanted(group, 2), held(group)
    sell(asked, STUBHUB, caller=CLERK)
    sold(hold)
    match = r"sold already, under S-77, to StubHub at 52\.50 each"
    with unchanged():
        with pytest.raises(Refusal, match=match):
            sell(asked, STUBHUB._replace(**other), caller=CLERK)
        with pytest.raises(Refusal, match=match):
            sold(hold, STUBHUB._replace(**other))


@pytest.mark.parametrize("other", [{"customer": "John Roe"}, {"note": "Met him"}])
def test_form_sent_again_for_another_customer_is_refused(
    group: TicketGroup, unchanged: Unchanged, other: dict[str, Any]
) -> None:
    asked, sale = wanted(group, 2), STUBHUB._replace(reference="")
    sell(asked, sale, customer="Jane Doe", caller=CLERK)
    with unchanged(), pytest.raises(Refusal, match="sold already, to StubHub at"):
        sell(asked, sale, **{"customer": "Jane Doe", **other}, caller=CLERK)


def test_marketplace_does_not_learn_of_a_sale_by_staff(api: Api, group: TicketGroup) -> None:
    sell(wanted(group, 2), STUBHUB, caller=CLERK)
    assert api.look_up_invoice("S-77").json()["code"] == "invoice_not_found"

    api.hold(group, 2, "g-1")
    api.invoice("S-77", "g-1")
    [line] = api.look_up_invoice("S-77").json()["invoices"]
    assert line["global_id"] == "g-1"


def test_hold_of_a_sale_lasts_as_long_as_any_of_the_broker(group: TicketGroup) -> None:
    sell(wanted(group, 2), STUBHUB, caller=CLERK)
    hold = Hold.objects.get()

    assert hold.expires_at == hold.created_at + timedelta(seconds=group.broker.hold_lifetime)
