"""Holds and sales by staff, from the page of a ticket group."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from automator.audit import differences
from holds.models import Hold
from inventory.models import Broker, TicketGroup
from invoices.models import Invoice, Void
from tests.support.factories import TicketGroupFactory, UserFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import somebody_locks
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db


def hold_page(group: TicketGroup) -> str:
    return reverse("admin:holds_hold_by_staff", args=[group.pk])


def sell_page(group: TicketGroup) -> str:
    return reverse("admin:invoices_invoice_by_staff", args=[group.pk])


def sell_held_page(hold: Hold) -> str:
    return reverse("admin:invoices_invoice_sell_held", args=[hold.pk])


def said(answer: Any) -> str:
    return str(answer.content.decode())


def test_seats_that_are_ticked_are_held_for_a_customer(staff: Staff, group: TicketGroup) -> None:
    answer = staff.fill_in(
        hold_page(group), seats=["9", "10"], customer="Jane Doe", price="45.00", note="Friday"
    )

    hold = Hold.objects.get()
    assert answer.headers["Location"] == page_of(hold)
    assert (hold.seats, hold.customer, hold.note) == (["9", "10"], "Jane Doe", "Friday")
    assert (hold.unit_price, hold.state) == (Decimal("45.00"), "held")
    shown = staff.page(page_of(hold))
    assert "2 held for Jane Doe. Still free: 4." in shown
    assert "Friday" in shown
    assert staff.table(page_of(Hold))[0][0] == "Jane Doe by staff"
    assert not list(differences())


def test_hold_lasts_until_the_time_that_was_given_where_staff_are(
    staff: Staff, group: TicketGroup
) -> None:
    day = datetime.now(tz=ZoneInfo("America/New_York")).date() + timedelta(days=3)
    staff.fill_in(
        hold_page(group), quantity="2", customer="Jane Doe", until_0=str(day), until_1="18:30:00"
    )

    expires_at = Hold.objects.get().expires_at
    assert expires_at == datetime(
        day.year, day.month, day.day, 18, 30, tzinfo=ZoneInfo("America/New_York")
    )


def test_rule_chooses_where_only_the_quantity_is_given(staff: Staff, group: TicketGroup) -> None:
    staff.fill_in(hold_page(group), quantity="2", customer="Jane Doe")

    assert Hold.objects.get().seats == ["7", "8"]


def test_tickets_without_seat_numbers_have_no_seats_to_tick(staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=5)
    assert 'name="seats"' not in staff.page(hold_page(group))
    staff.fill_in(hold_page(group), quantity="3", customer="Jane Doe")

    assert Hold.objects.get().quantity == 3


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"customer": ""}, "This field is required"),
        ({"quantity": ""}, "Tick seats above, or say how many."),
        ({"seats": ["7", "8", "9"]}, "3 seats are ticked. Leave the quantity empty."),
        ({"quantity": "0"}, "greater than or equal to 1"),
        ({"quantity": "7"}, "7 tickets were asked for, 6 are free."),
        ({"quantity": "", "seats": ["7", "9"]}, "Seats 7, 9 do not stand together"),
        ({"quantity": "", "seats": ["13"]}, "The group has no seat 13 any more."),
        ({"price": "-1"}, "greater than or equal to 0"),
        ({"price": "1.005"}, "no more than 2 decimal places"),
        ({"until_0": "2020-01-01"}, "That time is past: give a later one."),
        ({"until_0": "9999-12-31"}, "That time is more than 10 years ahead"),
        ({"until_0": "soon"}, "Enter a valid date"),
        ({"global_id": "g-1"}, "This form cannot be used. Open it anew."),
    ],
)
def test_form_says_what_is_wrong_and_keeps_what_was_filled_in(
    staff: Staff, group: TicketGroup, unchanged: Unchanged, answers: Any, why: str
) -> None:
    with unchanged():
        answer = staff.fill_in(
            hold_page(group), **{"quantity": "2", "customer": "Jane Doe", "note": "Fri", **answers}
        )

    assert answer.status_code == 200
    assert why in said(answer)
    assert "Fri" in said(answer)


def test_seat_that_was_taken_meanwhile_is_refused_by_name(
    api: Api, staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(hold_page(group))
    api.hold(group, 2, "g-1")
    with unchanged():
        answer = staff.send(hold_page(group), form, seats=["8", "9"], customer="Jane Doe")

    assert "Not free any more: 8. Look again, and choose others." in said(answer)
    assert "held" in said(answer)


def test_form_sent_twice_has_one_effect(staff: Staff, group: TicketGroup) -> None:
    form = staff.open_form(hold_page(group))
    sale = staff.open_form(sell_page(group))
    for _ in range(2):
        answer = staff.send(hold_page(group), form, quantity="2", customer="Jane Doe")
        assert answer.status_code == 302
        answer = staff.send(sell_page(group), sale, quantity="2", channel="Phone", reference="S-1")
        assert answer.status_code == 302

    assert (Hold.objects.count(), Invoice.objects.count()) == (2, 1)


def test_form_from_the_back_button_for_another_customer_holds_nothing_silently(
    staff: Staff, broker: Broker, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=5)
    form = staff.open_form(hold_page(group))
    staff.send(hold_page(group), form, quantity="2", customer="Jane Doe")
    with unchanged():
        answer = staff.send(hold_page(group), form, quantity="2", customer="John Roe")

    assert "2 are held for Jane Doe since. To hold others, open it anew." in said(answer)


def test_tickets_are_sold_by_staff(staff: Staff, group: TicketGroup) -> None:
    answer = staff.fill_in(
        sell_page(group), seats=["9", "10"], channel="StubHub", reference="S-77", price="52.50"
    )

    invoice = Invoice.objects.get()
    assert answer.headers["Location"] == page_of(invoice)
    assert (invoice.buyer, invoice.order_id, invoice.total) == (
        *("StubHub", "S-77"),
        Decimal("105.00"),
    )
    assert "2 sold, StubHub. Still free: 4." in staff.page(page_of(invoice))
    assert not list(differences())


def test_order_that_is_sold_already_is_not_sold_again_by_a_slip(
    api: Api, staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")
    again = {"quantity": "2", "channel": "Phone", "reference": "o-1"}
    with unchanged():
        answer = staff.fill_in(sell_page(group), **again)
    assert "o-1 is sold already: 2 tickets, to Ticket Evolution, section 211, row 15" in said(
        answer
    )

    staff.fill_in(sell_page(group), **again, further_line="on")
    assert Invoice.objects.filter(order_id="o-1").count() == 2


def test_order_whose_sale_was_voided_can_be_sold_again(staff: Staff, group: TicketGroup) -> None:
    again = {"quantity": "2", "channel": "Phone", "reference": "S-1"}
    staff.fill_in(sell_page(group), **again)
    staff.act("void", Invoice.objects.get(), reason="Slip", tickets="stock")
    staff.fill_in(sell_page(group), **again)

    assert Invoice.objects.filter(order_id="S-1", void=None).count() == 1


def test_order_of_another_broker_is_no_news(staff: Staff, group: TicketGroup) -> None:
    other = TicketGroupFactory()
    Staff(UserFactory(broker=other.broker)).fill_in(
        sell_page(other), quantity="1", channel="Phone", reference="S-1"
    )
    staff.fill_in(sell_page(group), quantity="1", channel="Phone", reference="S-1")

    assert Invoice.objects.filter(order_id="S-1").count() == 2


def test_reference_is_shown_as_it_was_written(staff: Staff, group: TicketGroup) -> None:
    for reference in ("", "staff/7", "<i>7</i>"):
        staff.fill_in(sell_page(group), quantity="1", channel="Phone", reference=reference)

    shown = ["&lt;i&gt;7&lt;/i&gt;", "staff/7", "no reference"]
    assert staff.first_column(page_of(Invoice)) == shown


def test_what_is_held_for_a_customer_is_sold(staff: Staff, group: TicketGroup) -> None:
    staff.fill_in(hold_page(group), quantity="2", customer="Jane Doe", price="45.00")
    hold = Hold.objects.get()
    assert sell_held_page(hold) in staff.page(page_of(hold))
    staff.fill_in(sell_held_page(hold), channel="By phone", price="44.00")

    invoice = Invoice.objects.get(hold=hold)
    assert (invoice.buyer, invoice.unit_price) == ("By phone", Decimal("44.00"))
    assert sell_held_page(hold) not in staff.page(page_of(hold))
    assert staff.get(sell_held_page(hold)).headers["Location"] == page_of(hold)
    assert not list(differences())


def test_hold_that_was_released_meanwhile_is_not_sold(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    staff.fill_in(hold_page(group), quantity="2", customer="Jane Doe")
    hold = Hold.objects.get()
    form = staff.open_form(sell_held_page(hold))
    assert "Released, tickets free again: 2." in staff.act("release", hold)[0]
    with unchanged():
        answer = staff.send(sell_held_page(hold), form, channel="By phone")

    assert "The hold was released." in said(answer)


@pytest.mark.parametrize(("tickets", "free"), [("stock", 6), ("gone", 4)])
def test_sale_by_staff_is_voided(staff: Staff, group: TicketGroup, tickets: str, free: int) -> None:
    staff.fill_in(sell_page(group), quantity="2", channel="Phone")
    staff.act("void", Invoice.objects.get(), reason="Cheque bounced", tickets=tickets)

    group.refresh_from_db()
    assert (group.free, group.sold) == (free, 0)
    assert Void.objects.get().back_to_stock == (tickets == "stock")
    assert not list(differences())


def test_lists_tell_what_staff_made_from_what_came_from_the_marketplace(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    staff.fill_in(sell_page(group), quantity="2", channel="Phone", reference="S-1")
    api.hold(group, 2, "g-1")
    api.invoice("o-1", "g-1")

    for maker, names in (("staff", ["S-1"]), ("marketplace", ["o-1"]), ("", ["o-1", "S-1"])):
        assert staff.first_column(f"{page_of(Invoice)}?made={maker}") == names
    assert staff.first_column(f"{page_of(Hold)}?made=marketplace") == ["g-1"]
    assert len(staff.first_column(f"{page_of(Hold)}?made=staff")) == 1


@pytest.mark.django_db(transaction=True)
def test_group_that_a_call_has_locked_is_said_to_be_busy(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(hold_page(group))
    with unchanged(), somebody_locks(group):
        answer = staff.send(hold_page(group), form, quantity="2", customer="Jane Doe")

    assert "The database is busy" in said(answer)
    assert staff.send(hold_page(group), form, quantity="2", customer="Jane Doe").status_code == 302


def test_pages_of_another_brokers_tickets_are_not_there(
    group: TicketGroup, staff: Staff, unchanged: Unchanged
) -> None:
    staff.fill_in(hold_page(group), quantity="2", customer="Jane Doe")
    hold = Hold.objects.get()
    other = Staff(UserFactory())
    nobody = Staff(UserFactory(broker=None))
    whole = Staff(UserFactory(whole=True))
    for page in (hold_page(group), sell_page(group), sell_held_page(hold)):
        assert whole.get(page).status_code == 200
        form = {**staff.open_form(page), "quantity": "1", "customer": "x", "channel": "x"}
        with unchanged():
            for user in (other, nobody):
                assert user.get(page).status_code == 404
                assert user.post(page, form).status_code == 404
            assert Client().post(page, form).status_code == 302


def test_hold_of_the_marketplace_is_not_sold_from_a_page(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    hold = Hold.objects.get()

    assert staff.get(sell_held_page(hold)).status_code == 404
    assert sell_held_page(hold) not in staff.page(page_of(hold))


@pytest.mark.parametrize("taken", [0, 3])
def test_pages_take_as_many_statements_however_much_is_taken(
    api: Api,
    staff: Staff,
    group: TicketGroup,
    django_assert_num_queries: DjangoAssertNumQueries,
    taken: int,
) -> None:
    for number in range(taken):
        api.hold(group, 1, f"g-{number}")
    for page in (hold_page(group), sell_page(group)):
        with django_assert_num_queries(5):
            staff.page(page)
    form = staff.open_form(sell_page(group))
    ContentType.objects.get_for_model(Invoice)  # kept from then on
    with django_assert_num_queries(20):
        answer = staff.send(sell_page(group), form, quantity="2", channel="Phone", reference="S-1")
    assert answer.status_code == 302


def test_claim_by_staff_is_named_with_its_customer_where_it_stands_in_the_way(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    staff.fill_in(hold_page(group), seats=["7", "8"], customer="Jane Doe")
    with unchanged():
        answer = staff.fill_in(page_of(group), seats="", quantity="6")

    assert f"{Hold.objects.get().global_id} for Jane Doe" in said(answer)
