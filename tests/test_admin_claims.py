"""The admin never changes a claim, a state or a counter but through a service."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from holds import services
from holds.models import Hold, OrderException
from inventory import confirmation
from inventory.admin import TicketGroupAdmin
from inventory.models import Broker, Caller, LedgerEntry, TicketGroup
from invoices.models import Invoice, Void
from tests.factories import EventFactory, TicketGroupFactory, UserFactory
from tests.fixtures import BringTo, Unchanged
from tests.marketplace import Api
from tests.rivals import Rivals, agrees, before, somebody_locks, until_waiting
from tests.staff import Staff, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(broker: Broker) -> Staff:
    return Staff(UserFactory(broker=broker, username="clerk"))


def hold(group: TicketGroup, quantity: int = 2, global_id: str = "g-1") -> Hold:
    services.place(
        broker_id=group.broker_id,
        remote_id=group.remote_id,
        quantity=quantity,
        global_id=global_id,
        caller=Caller("command tests"),
    )
    return Hold.objects.get(global_id=global_id)


def last_entry() -> tuple[Any, ...]:
    entry = LedgerEntry.objects.latest("id")
    facts = (entry.effect, entry.tickets, entry.seats, entry.global_id)
    return (*facts, entry.asked_by, entry.request_id)


def test_release_asks_then_frees_the_tickets_through_the_service(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    chosen = {"action": "release", "_selected_action": [Hold.objects.get().pk]}
    asked = staff.post(page_of(Hold), {**chosen, "index": "0"}).content.decode()

    assert Hold.objects.get().state == "held"
    for fact in ("g-1", group.remote_id, str(group.event.name), "211, row 15", "7-8", "80.00 USD"):
        assert fact in asked
    assert "it may still believe that it has them" in asked

    said = staff.confirm(chosen, Hold)
    assert said == ["hold g-1: Released, tickets free again: 2."]
    assert api.look_up_hold("g-1").json()["status"] == "released"
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (6, 0, 0)


def test_release_is_in_the_ledger_and_in_the_history(api: Api, group: TicketGroup) -> None:
    staff = Staff(UserFactory(broker=group.broker, username="clerk"))
    api.hold(group, 2, "g-1")
    staff.defaults["HTTP_X_REQUEST_ID"] = "q-7"
    staff.act("release", Hold.objects.get())

    assert last_entry() == ("released", 2, ["7", "8"], "g-1", "user clerk", "q-7")
    assert "Released, tickets free again: 2." in staff.page(page_of(Hold.objects.get(), "history"))


def test_release_reports_each_hold_and_leaves_what_is_not_held(
    api: Api, staff: Staff, bring_to: BringTo
) -> None:
    for state, global_id in (("invoiced", "g-1"), ("released", "g-2"), ("held", "g-3")):
        bring_to(state, global_id)
    said = staff.act("release", *Hold.objects.order_by("id"))

    assert said == [
        "hold g-3: Released, tickets free again: 2.",
        "hold g-2: It is released, there is nothing to release.",
        "hold g-1: It is invoiced, there is nothing to release.",
    ]
    assert not OrderException.objects.exists()
    assert api.look_up_hold("g-1").json()["status"] == "invoiced"


def test_release_says_when_the_hold_was_sold_while_it_was_asked(
    api: Api, staff: Staff, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.hold(group, 2, "g-1")
    release = services.release

    def too_late(**facts: Any) -> Any:
        api.invoice("o-1", "g-1")
        return release(**facts)

    monkeypatch.setattr(services, "release", too_late)
    said = staff.act("release", Hold.objects.get())

    assert said == ["hold g-1: The hold is invoiced and cannot be released."]
    assert Hold.objects.get().state == "invoiced"


def test_release_goes_back_to_the_list_as_it_was_filtered(staff: Staff, group: TicketGroup) -> None:
    row = hold(group)
    at = f"{page_of(Hold)}?state__exact=held"
    chosen = {"action": "release", "_selected_action": [row.pk]}
    asked = staff.post(at, {**chosen, "index": "0"})
    assert 'name="filters" value="state__exact=held"' in asked.content.decode()
    answer = staff.post(
        page_of(Hold), {**chosen, "confirmed": "yes", "filters": "state__exact=held"}
    )

    assert answer["Location"] == at


def test_too_many_rows_at_once_are_refused(
    staff: Staff, group: TicketGroup, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "MOST", 2)
    rows = [hold(group, 1, global_id) for global_id in ("g-1", "g-2", "g-3")]
    chosen = {"action": "release", "_selected_action": [row.pk for row in rows]}
    with unchanged():
        said = staff.confirm(chosen, Hold)

    assert said == ["Choose at most 2 at a time."]


@pytest.mark.django_db(transaction=True)
def test_release_of_a_busy_group_is_reported_and_the_rest_is_done(
    staff: Staff, group: TicketGroup
) -> None:
    other = TicketGroupFactory(broker=group.broker)
    hold(other, global_id="g-2")
    row = hold(group, global_id="g-1")
    with somebody_locks(other):
        said = staff.act("release", *Hold.objects.all())

    assert said == [
        "hold g-1: Released, tickets free again: 2.",
        "hold g-2 is busy just now; perhaps it was done, perhaps not. Look, and try again.",
    ]
    row.refresh_from_db()
    assert (row.state, Hold.objects.get(global_id="g-2").state) == ("released", "held")


def test_void_asks_for_a_reason_and_puts_the_tickets_back(
    api: Api, staff: Staff, bring_to: BringTo
) -> None:
    group = bring_to("invoiced")
    invoice = Invoice.objects.get()
    chosen = {"action": "void", "_selected_action": [invoice.pk]}
    asked = staff.post(page_of(Invoice), {**chosen, "index": "0"}).content.decode()
    assert "o-1" in asked
    assert "Cancel the order there first" in asked

    said = staff.confirm(chosen, Invoice, reason="Buyer is ill")
    assert said == ["invoice o-1: Voided, tickets free again: 2. Buyer is ill"]
    assert Void.objects.values_list("reason", "voided_by").get() == ("Buyer is ill", "user clerk")
    assert last_entry()[:5] == ("voided", 2, ["7", "8"], "g-1", "user clerk")
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (6, 0, 0)
    assert "Buyer is ill" in staff.page(page_of(invoice))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001, "a\0b"])
def test_void_without_a_reason_asks_again(
    staff: Staff, bring_to: BringTo, unchanged: Unchanged, reason: str
) -> None:
    bring_to("invoiced")
    chosen = {"action": "void", "_selected_action": [Invoice.objects.get().pk]}
    with unchanged():
        answer = staff.post(page_of(Invoice), {**chosen, "confirmed": "yes", "reason": reason})

    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.content.decode()


def test_second_void_changes_nothing(staff: Staff, bring_to: BringTo, unchanged: Unchanged) -> None:
    bring_to("voided")
    with unchanged():
        said = staff.act("void", Invoice.objects.get(), reason="Again")

    assert said == ["invoice o-1: The sale was voided by the broker's staff."]


def test_exception_is_resolved_with_a_note(api: Api, staff: Staff, unchanged: Unchanged) -> None:
    api.invoice("o-1", "g-1")
    row = OrderException.objects.get()
    with unchanged(but=[OrderException]):
        said = staff.act("resolve", row, note="Called them: sold elsewhere")

    assert said == ["exception Invoice without a hold: o-1: Resolved. Called them: sold elsewhere"]
    row.refresh_from_db()
    assert (row.resolved_by, row.note) == ("user clerk", "Called them: sold elsewhere")
    assert timezone.now() - (row.resolved_at or row.first_at) < timedelta(minutes=1)


def test_resolved_exception_keeps_its_first_note(api: Api, staff: Staff) -> None:
    api.invoice("o-1", "g-1")
    row = OrderException.objects.get()
    staff.act("resolve", row, note="First")
    said = staff.act("resolve", row, note="Second")

    assert said == ["exception Invoice without a hold: o-1: It was resolved before."]
    assert OrderException.objects.get().note == "First"


FACTS = [Hold, Invoice, OrderException, LedgerEntry]


@pytest.mark.parametrize("model", FACTS)
@pytest.mark.parametrize("whole", [True, False])
def test_nobody_adds_changes_or_deletes_facts(
    broker: Broker, bring_to: BringTo, unchanged: Unchanged, model: Any, whole: bool
) -> None:
    bring_to("voided")
    bring_to("invoiced late", "g-2")
    staff = Staff(UserFactory(whole=True) if whole else UserFactory(broker=broker))
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
        deleted = staff.post(
            page_of(model), {"action": "delete_selected", "_selected_action": [row.pk]}
        )

    assert [answer.status_code for answer in answers] == [403] * 5
    assert deleted.status_code in {200, 302}
    assert not LogEntry.objects.exists()


def test_nobody_deletes_what_has_a_ledger(broker: Broker, group: TicketGroup) -> None:
    staff = Staff(UserFactory(whole=True))
    for row in (broker, group.event, group, staff.user):
        assert staff.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
        row.refresh_from_db()


def test_counters_seats_and_ids_are_not_taken_from_a_form(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    hold(group)
    sent = {"held": "0", "sold": "6", "entries": "9", "quantity": "99", "seats": "1-99"}
    with unchanged():
        staff.fill_in(page_of(group), **sent, remote_id="r-9", broker="9", section="9", row="9")


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
        monkeypatch, TicketGroupAdmin, "save_model", lambda: rivals.together(lambda: hold(group))
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
            assert "Tickets of this group are promised" in answer.content.decode()


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
    hold(group)
    page = staff.page(page_of(group))

    assert "Event, section and row stay as they are" in page
    assert "6: 4 free, 2 held, 0 sold" in page
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
        held = rivals.start(lambda: hold(group))
        until_waiting(1)
        moved = rivals.start(lambda: staff.send(page_of(group), form, section="9"))
        until_waiting(2)
    held.result()

    assert "promised where they were" in moved.result().content.decode()
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
        held = rivals.start(lambda: hold(group))
        until_waiting(2)
    assert moved.result().status_code == 302

    assert held.result().section == "9"
