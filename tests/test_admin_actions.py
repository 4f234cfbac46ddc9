"""Actions of the admin: release, void, resolve. Each asks, then calls the service."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from holds import services
from holds.models import Hold, OrderException
from inventory.admin import confirmation
from inventory.models import LedgerEntry, TicketGroup
from invoices.models import Invoice, Void
from tests.support.factories import TicketGroupFactory, UserFactory, place_hold
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import somebody_locks
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db


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
    row = place_hold(group)
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
    rows = [place_hold(group, 1, global_id) for global_id in ("g-1", "g-2", "g-3")]
    chosen = {"action": "release", "_selected_action": [row.pk for row in rows]}
    with unchanged():
        said = staff.confirm(chosen, Hold)

    assert said == ["Choose at most 2 at a time."]


@pytest.mark.django_db(transaction=True)
def test_release_of_a_busy_group_is_reported_and_the_rest_is_done(
    staff: Staff, group: TicketGroup
) -> None:
    other = TicketGroupFactory(broker=group.broker)
    place_hold(other, global_id="g-2")
    row = place_hold(group, global_id="g-1")
    with somebody_locks(other):
        said = staff.act("release", *Hold.objects.all())

    assert said == [
        "hold g-1: Released, tickets free again: 2.",
        "hold g-2 is busy just now. It may or may not have been changed: check, and try again.",
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

    said = staff.confirm(chosen, Invoice, reason="Buyer is ill", tickets="stock")
    assert said == ["invoice o-1: Voided, tickets free again: 2. Buyer is ill"]
    assert Void.objects.values_list("reason", "voided_by").get() == ("Buyer is ill", "user clerk")
    assert last_entry()[:5] == ("voided", 2, ["7", "8"], "g-1", "user clerk")
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (6, 0, 0)
    assert "Buyer is ill" in staff.page(page_of(invoice))


@pytest.mark.parametrize(
    "answers",
    [
        *({"tickets": "stock", "reason": reason} for reason in ("", "   ", "x" * 1001, "a\0b")),
        {"reason": "Buyer is ill"},
        {"tickets": "half", "reason": "Buyer is ill"},
    ],
)
def test_void_without_a_reason_or_a_word_on_the_tickets_asks_again(
    staff: Staff, bring_to: BringTo, unchanged: Unchanged, answers: dict[str, str]
) -> None:
    bring_to("invoiced")
    chosen = {"action": "void", "_selected_action": [Invoice.objects.get().pk]}
    with unchanged():
        answer = staff.post(page_of(Invoice), {**chosen, "confirmed": "yes", **answers})

    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.content.decode()


def test_second_void_changes_nothing(staff: Staff, bring_to: BringTo, unchanged: Unchanged) -> None:
    bring_to("voided")
    with unchanged():
        said = staff.act("void", Invoice.objects.get(), reason="Again", tickets="gone")

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


def test_exceptions_that_were_not_chosen_stay_open(api: Api, staff: Staff) -> None:
    for order_id in ("o-1", "o-2"):
        api.invoice(order_id, "g-1")
    staff.act("resolve", OrderException.objects.get(order_id="o-1"), note="Called them")

    assert OrderException.objects.open().get().order_id == "o-2"
