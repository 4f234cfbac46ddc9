"""What all pages of the admin have in common: times, text from outside, errors."""

import re
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from automator.api import exception_handler
from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.models.imports import Import
from invoices.models import Invoice
from tests.support.factories import ApiKeyFactory, EventFactory, TicketGroupFactory, UserFactory
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of
from tests.support.uploads import HEADER, line, text, upload

pytestmark = pytest.mark.django_db

LISTS: list[Any] = [
    *(Broker, Event, TicketGroup, LedgerEntry, Hold, OrderException, Invoice, ApiKey, Import)
]


def test_times_are_in_the_time_zone_of_the_broker(api: Api, boss: Staff) -> None:
    Broker.objects.update(time_zone="Asia/Tokyo")
    tokyo = Staff(UserFactory(broker=Broker.objects.get()))
    api.release("g-1")
    Hold.objects.update(changed_at="2026-11-23T20:00:00Z")
    page = page_of(Hold.objects.get())

    assert "Nov. 24, 2026, 5 a.m." in tokyo.page(page)
    assert "Times are in Asia/Tokyo" in tokyo.page(page)
    assert "Nov. 23, 2026, 8 p.m." in boss.page(page)
    assert "Times are in UTC" in boss.page(page)


def test_time_zone_that_only_postgresql_knows_does_no_harm(broker: Broker) -> None:
    Broker.objects.update(time_zone="Nowhere/Special")
    staff = Staff(UserFactory(broker=broker))

    assert "Times are in UTC" in staff.page(page_of(Hold))


ATTACK = "<script>alert(1)<script>"


@pytest.fixture
def attacked(api: Api, broker: Broker) -> TicketGroup:
    """Rows whose every text is an attack."""
    broker.name = ATTACK
    broker.save()
    event = EventFactory(broker=broker, name=ATTACK, venue=ATTACK)
    texts = dict.fromkeys(("remote_id", "section", "row", "public_notes", "internal_notes"), ATTACK)
    group = TicketGroupFactory(broker=broker, event=event, seats=["<script>", "<b>"], **texts)
    api.hold(group, 2, ATTACK, x_request_id="q-1")
    api.invoice(ATTACK, ATTACK)
    api.release(ATTACK)
    api.invoice(ATTACK, f"{ATTACK}2")
    ApiKeyFactory(broker=broker, name=ATTACK)
    lines = line(ATTACK, event=ATTACK, section="<i>"), line(f"{ATTACK}3", quantity=ATTACK)
    clerk = Staff(UserFactory(broker=broker, username=ATTACK))
    upload(clerk, text(*lines, header=f"{HEADER},{ATTACK}"), ATTACK)
    return group


def test_text_from_outside_is_only_text(boss: Staff, broker: Broker, attacked: TicketGroup) -> None:
    user = UserFactory(broker=Broker.objects.get(), username="clerk", first_name=ATTACK)
    for staff in (Staff(user), boss):
        for model in LISTS:
            for address in (page_of(model), page_of(model.objects.first())):
                page = staff.page(address)
                assert "&lt;script&gt;" in page, address
                assert "<script>" not in page, address


def test_text_from_outside_is_only_text_where_actions_ask_and_answer(
    staff: Staff, attacked: TicketGroup
) -> None:
    actions: dict[str, Any] = {"void": Invoice, "release": Hold, "revoke": ApiKey}
    for action, model in actions.items():
        chosen = {"action": action, "_selected_action": [model.objects.first().pk]}
        asked = staff.post(page_of(model), {**chosen, "index": "0"})
        done = staff.post(
            page_of(model), {**chosen, "confirmed": "yes", "reason": ATTACK}, follow=True
        )
        for answer in (asked, done):
            assert "&lt;script&gt;" in answer.content.decode()
            assert "<script>" not in answer.content.decode()


def test_pages_run_and_style_nothing_in_place(
    boss: Staff, staff: Staff, attacked: TicketGroup
) -> None:
    """What the Content-Security-Policy would stop."""
    pages = [
        boss.page(address)
        for model in (*LISTS, User)
        for address in (page_of(model), page_of(model.objects.first()))
    ]
    pages += [
        boss.page(page_of(model, "add")) for model in (Event, TicketGroup, ApiKey, User, Import)
    ]
    pages += [boss.page("/admin/"), Client().get(reverse("admin:login")).content.decode()]
    pages.append(staff.make_key()[0])
    inline = re.compile(r"<script(?![^>]* src=)[^>]*>\s*\S|<style|\sstyle=|\son\w+=", re.IGNORECASE)

    assert not [found[0] for page in pages if (found := inline.search(page))]


def test_superuser_without_a_broker_is_told_apart_from_nobody(boss: Staff) -> None:
    nobody = Staff(UserFactory(broker=None))

    assert "Brokers" in boss.page("/admin/")
    assert "Your account has no broker yet." in nobody.page("/admin/")


def test_errors_are_pages_of_our_own(staff: Staff, group: TicketGroup) -> None:
    strict = Client(enforce_csrf_checks=True)
    answers: dict[str, Any] = {
        "There is nothing here": staff.get("/nothing"),
        "You may not do that": staff.get(page_of(Hold, "add")),
        "This request is not valid": staff.get(f"{page_of(Hold)}?group__cost__gt=1"),
        "This form is too old": strict.post(reverse("admin:login"), {"username": "x"}),
        "Something went wrong": exception_handler.server_error(RequestFactory().get("/admin/")),
    }

    assert [answer.status_code for answer in answers.values()] == [404, 403, 400, 403, 500]
    for heading, answer in answers.items():
        page = answer.content.decode()
        assert f"<h1>{heading}</h1>" in page
        assert "/nothing" not in page


@pytest.mark.parametrize("model", LISTS)
def test_empty_list_says_what_to_do(boss: Staff, model: Any) -> None:
    empty = boss.page(page_of(model))
    missed = boss.page(f"{page_of(model)}?q=nothing")

    assert re.search(r'class="nothing">\s*(No|Nothing) .{20}', empty)
    assert re.search(r"No .* match\.", missed)
