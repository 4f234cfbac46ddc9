"""Undoing a sale, through the service: the tickets go back to stock, or are gone."""

import pytest
from django.db import connection

from automator.audit import differences
from holds.errors import SaleVoided
from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice, Void
from invoices.services import void
from tests.support.damage import UNPROTECTED
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api
from tests.test_staff_hold import CLERK

pytestmark = pytest.mark.django_db


def sale(global_id: str) -> Invoice:
    return Invoice.objects.get(hold__global_id=global_id)


def test_tickets_go_back_to_stock(api: Api, bring_to: BringTo) -> None:
    group = bring_to("invoiced")
    void(sale("g-1"), reason="Buyer cancelled", caller=CLERK)

    group.refresh_from_db()
    assert (group.quantity, group.free, group.sold) == (6, 6, 0)
    assert Void.objects.get().back_to_stock
    assert api.hold(group, 6, "g-2").status_code == 201
    assert not list(differences())


def test_tickets_that_are_gone_leave_the_group(api: Api, group: TicketGroup) -> None:
    for number in (1, 2, 3):
        api.hold(group, 2, f"g-{number}")
    api.invoice("o-1", "g-2")
    void(sale("g-2"), reason="Never came", back_to_stock=False, caller=CLERK)

    group.refresh_from_db()
    assert (group.seats, group.quantity, group.free) == (["7", "8", "11", "12"], 4, 0)
    assert (group.held, group.sold) == (4, 0)
    assert [hold.seats for hold in Hold.objects.live().order_by("id")] == [
        ["7", "8"],
        ["11", "12"],
    ]
    assert not Void.objects.get().back_to_stock
    last = LedgerEntry.objects.filter(group=group).order_by("-number")[:2]
    assert [(entry.effect, entry.tickets) for entry in last] == [("stocked", -2), ("voided", 2)]
    assert not list(differences())


def test_tickets_without_seat_numbers_that_are_gone_are_counted_out(
    api: Api, broker: Broker
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=5)
    for number in (1, 2):
        api.hold(group, 2, f"g-{number}")
        api.invoice("o-1", f"g-{number}")
    void(sale("g-1"), reason="Never came", back_to_stock=False, caller=CLERK)

    group.refresh_from_db()
    assert (group.quantity, group.free, group.sold) == (3, 1, 2)
    assert not list(differences())


def test_group_may_lose_all_of_its_tickets(api: Api, group: TicketGroup) -> None:
    api.hold(group, 6, "g-1")
    api.invoice("o-1", "g-1")
    void(sale("g-1"), reason="Never came", back_to_stock=False, caller=CLERK)

    group.refresh_from_db()
    assert (group.seats, group.quantity, group.sold) == ([], 0, 0)
    assert api.hold(group, 1, "g-2").json()["code"] == "insufficient_tickets"
    assert not list(differences())


@pytest.mark.parametrize("back_to_stock", [True, False])
def test_sale_is_voided_once(
    api: Api, bring_to: BringTo, unchanged: Unchanged, back_to_stock: bool
) -> None:
    bring_to("invoiced")
    void(sale("g-1"), reason="Buyer cancelled", caller=CLERK)
    with unchanged(), pytest.raises(SaleVoided):
        void(sale("g-1"), reason="Again", back_to_stock=back_to_stock, caller=CLERK)


@pytest.mark.parametrize("back_to_stock", [True, False])
def test_marketplace_is_told_that_the_sale_was_voided(
    api: Api, group: TicketGroup, back_to_stock: bool
) -> None:
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    void(sale("g-1"), reason="Slip", back_to_stock=back_to_stock, caller=CLERK)

    held, invoiced = api.hold(group, 2, "g-1"), api.invoice("o-1", "g-1")
    assert [held.json()["code"], invoiced.json()["code"]] == ["sale_voided"] * 2
    assert OrderException.objects.get().reason == "sale_voided"
    assert api.release("g-1").json()["status"] == "released"
    assert not list(differences())


@pytest.mark.parametrize("back_to_stock", [True, False])
def test_audit_finds_a_void_that_says_otherwise_than_the_ledger(
    api: Api, group: TicketGroup, back_to_stock: bool
) -> None:
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    void(sale("g-1"), reason="Slip", back_to_stock=back_to_stock, caller=CLERK)
    with connection.cursor() as cursor:
        cursor.execute(UNPROTECTED)
        cursor.execute("UPDATE invoices_void SET back_to_stock = NOT back_to_stock")

    [difference] = differences()
    assert difference.check == "gone"
    says = "are gone, the ledger that they did not leave the group."
    other = "went back to stock, the ledger that they left the group."
    assert difference.line.endswith(says if back_to_stock else other)
