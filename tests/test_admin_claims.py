"""No form of the admin changes a claim, a state or a counter."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from holds.models import Hold, OrderException
from inventory.models import Broker, LedgerEntry, TicketGroup
from invoices.models import Invoice
from tests.support.factories import EventFactory, UserFactory, place_hold
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import Rivals, agrees, before, somebody_locks, until_waiting
from tests.support.staff import Staff, page_of, plain

pytestmark = pytest.mark.django_db


FACTS: list[Any] = [Hold, Invoice, OrderException, LedgerEntry]


@pytest.mark.parametrize("whole", [True, False])
def test_nobody_adds_changes_or_deletes_facts(
    broker: Broker, bring_to: BringTo, unchanged: Unchanged, whole: bool
) -> None:
    bring_to("voided")
    bring_to("invoiced late", "g-2")
    staff = Staff(UserFactory(whole=True) if whole else UserFactory(broker=broker))
    for model in FACTS:
        row = model.objects.first()
        fields = {field.name: "1" for field in model._meta.fields}
        with unchanged():
            answers = [
                staff.get(page_of(model, "add")),
                staff.post(page_of(model, "add"), fields),
                staff.post(page_of(row), {**fields, "state": "held", "_save": "Save"}),
                staff.get(page_of(row, "delete")),
                staff.post(page_of(row, "delete"), {"post": "yes"}),
            ]
            chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
            staff.post(page_of(model), chosen)
        assert [answer.status_code for answer in answers] == [403] * 5

    assert not LogEntry.objects.exists()


def test_nobody_deletes_what_has_a_ledger(broker: Broker, group: TicketGroup) -> None:
    staff = Staff(UserFactory(whole=True))
    for row in (broker, group.event, group, staff.user):
        assert staff.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
        row.refresh_from_db()


def test_counters_and_ids_are_not_taken_from_a_form(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    place_hold(group)
    sent = {"held": "0", "sold": "6", "entries": "9", "listed": ""}
    with unchanged():
        answer = staff.fill_in(page_of(group), **sent, remote_id="r-9", broker="9")

    assert answer.status_code == 302


def test_form_opened_before_a_hold_and_saved_after_it_harms_nothing(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    api.hold(group, 2, "g-1")
    answer = staff.send(page_of(group), form, price="55.00", public_notes="Aisle")

    assert answer.status_code == 302
    group.refresh_from_db()
    assert (group.price, group.public_notes) == (Decimal("55.00"), "Aisle")
    assert (group.free, group.held, group.sold, group.entries) == (4, 2, 0, 2)
    assert api.look_up_hold("g-1").json()["seats"] == ["7", "8"]
    assert Hold.objects.get().unit_price == Decimal("40.00")


@pytest.mark.django_db(transaction=True)
def test_hold_between_the_reading_and_the_writing_of_a_form_is_not_lost(
    rivals: Rivals, staff: Staff, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(
        monkeypatch,
        type(TicketGroup.objects),
        "lock",
        lambda: rivals.together(lambda: place_hold(group)),
    )
    staff.fill_in(page_of(group), price="55.00")

    group.refresh_from_db()
    assert (group.price, group.held, group.entries) == (Decimal("55.00"), 2, 2)
    assert agrees()


@pytest.mark.parametrize("state", ["held", "overdue", "invoiced"])
def test_promised_tickets_do_not_move_even_where_the_form_is_older(
    staff: Staff, group: TicketGroup, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    event = EventFactory(broker=group.broker)
    form = staff.open_form(page_of(group))
    bring_to(state)
    with unchanged():
        for place in ({"section": "9"}, {"row": "9"}, {"event": event.pk}):
            answer = staff.send(page_of(group), form, price="55.00", **place)
            assert "would change under the claim g-1" in answer.content.decode()


@pytest.mark.parametrize("state", ["unknown", "released", "tombstone", "expired", "voided"])
def test_group_with_nothing_promised_moves(
    staff: Staff, group: TicketGroup, bring_to: BringTo, state: str
) -> None:
    bring_to(state)
    event = EventFactory(broker=group.broker)
    answer = staff.fill_in(page_of(group), section="9", row="A", event=event.pk)

    assert answer.status_code == 302
    group.refresh_from_db()
    assert (group.section, group.row, group.event) == ("9", "A", event)


def test_page_of_a_group_with_claims_says_why_it_stays(staff: Staff, group: TicketGroup) -> None:
    place_hold(group)
    page = staff.page(page_of(group))

    assert "Event, section and row stay as they are" in page
    assert re.findall(r"\d+ (?:free|held|sold)", plain(page)) == ["4 free", "2 held"]
    assert 'name="section"' not in page


def test_two_forms_at_once_each_write_what_was_changed_in_them(
    staff: Staff, group: TicketGroup
) -> None:
    first = staff.open_form(page_of(group))
    second = staff.open_form(page_of(group))
    staff.send(page_of(group), first, price="55.00", split_rule="custom", split_quantities="2,4")
    staff.send(page_of(group), second, internal_notes="Ask Ann")

    group.refresh_from_db()
    assert (group.price, group.internal_notes) == (Decimal("55.00"), "Ask Ann")
    assert (group.split_rule, group.split_quantities) == ("custom", [2, 4])


@pytest.mark.django_db(transaction=True)
def test_move_that_meets_a_hold_waits_for_it_and_is_refused(
    rivals: Rivals, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    with somebody_locks(group):
        held = rivals.start(lambda: place_hold(group))
        until_waiting(1)
        moved = rivals.start(lambda: staff.send(page_of(group), form, section="9"))
        until_waiting(2)
    held.result()

    assert "would change under the claim g-1" in moved.result().content.decode()
    group.refresh_from_db()
    assert (group.section, group.held) == ("211", 2)


@pytest.mark.django_db(transaction=True)
def test_hold_that_meets_a_move_is_told_the_new_place(
    rivals: Rivals, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    with somebody_locks(group):
        moved = rivals.start(lambda: staff.send(page_of(group), form, section="9"))
        until_waiting(1)
        held = rivals.start(lambda: place_hold(group))
        until_waiting(2)
    assert moved.result().status_code == 302

    assert held.result().section == "9"
