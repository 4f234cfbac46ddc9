"""A broker's user sees and finds that broker's rows, and not a hint of any other's."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.models.imports import Import
from invoices.models import Invoice
from tests.support.factories import BrokerFactory, UserFactory
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of
from tests.support.two_brokers import MODELS, broker_with_rows, owner, theirs

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def own(made_once: None) -> Broker:
    return broker_with_rows("alpha")


@pytest.fixture(scope="module")
def other(made_once: None) -> Broker:
    """The broker that nobody of the first may hear of."""
    broker = broker_with_rows("omega")
    boss = Staff(UserFactory(whole=True, username="boss"))
    boss.fill_in(page_of(Event.objects.get(broker=broker)), venue="omega Arena")
    return broker


@pytest.fixture
def staff(own: Broker, other: Broker) -> Staff:
    return Staff(User.objects.get(username="alpha-user"))


def links(page: str, address: str) -> set[str]:
    """The admin's addresses that a page links to."""
    found = re.findall(r'(?:href|data-ajax--url)="([^"]+)"', page)
    whole = {urljoin(address, unescape(link)).partition("#")[0] for link in found}
    return {link for link in whole if urlsplit(link).path.startswith("/admin/")}


def test_nothing_of_another_broker_is_on_any_page_that_links_lead_to(staff: Staff) -> None:
    ahead, seen = {"/admin/"}, set()
    while ahead:
        address = ahead.pop()
        # Orders are another test's; two filters show no more than one, nor does the way back.
        if address in seen or re.search(r"&|\?o=|_changelist_filters", address):
            continue
        seen.add(address)
        answer = staff.get(address)
        page = answer.getvalue().decode()
        assert answer.status_code in {200, 302, 403}, address
        assert "omega" not in page.lower(), address
        if answer.get("Content-Type", "").startswith("text/html"):
            ahead |= links(page, address) - seen

    for model in MODELS:
        assert page_of(model) in seen
        assert page_of(next(row for row in model.objects.all() if owner(row).name < "b")) in seen
    assert len(seen) > 70


def test_own_rows_are_there_and_no_others_in_any_order(staff: Staff, own: Broker) -> None:
    for model in MODELS:
        mine = {row for row in model.objects.all() if owner(row) == own}
        assert mine
        for order in ("", "?o=1.2.3.4.5.6", "?o=-7.-8.-9"):
            answer = staff.get(f"{page_of(model)}{order}")
            assert set(answer.context["cl"].result_list) == mine
            assert "omega" not in answer.content.decode()


@pytest.mark.parametrize("name", ["change", "history", "delete"])
def test_row_of_another_broker_is_answered_as_one_that_does_not_exist(
    staff: Staff, name: str
) -> None:
    for model in MODELS:
        row, nothing = theirs(model), model(pk=999_999)
        for method in (staff.get, staff.post):
            answers = [method(page_of(one, name), follow=True) for one in (row, nothing)]
            seen = [
                # Without what differs between any two answers: the row's number, the form's token.
                re.sub(rf"\b({row.pk}|999999|\w{{64}})\b", "", answer.content.decode())
                for answer in answers
            ]
            assert seen[0] == seen[1]
            assert answers[0].redirect_chain == answers[1].redirect_chain
            assert answers[0].status_code == answers[1].status_code


SEARCHES = {
    Broker: "omega",
    Event: "omega",
    TicketGroup: "omega-r",
    LedgerEntry: "omega-g-1",
    Hold: "omega-g-1",
    OrderException: "omega-o",
    Invoice: "omega-o",
    ApiKey: "omega",
    Import: "omega",
}


def test_search_finds_no_row_of_another_broker(staff: Staff) -> None:
    for model, text in SEARCHES.items():
        assert staff.table(f"{page_of(model)}?q={text}") == []
        assert staff.table(f"{page_of(model)}?q={text.replace('omega', 'alpha')}")


def test_lookups_in_the_address_reach_no_other_broker(staff: Staff) -> None:
    for model in MODELS:
        row = theirs(model)
        for lookup in ("broker__name__startswith=o", "broker__users__username__startswith=o"):
            assert staff.get(f"{page_of(model)}?{lookup}").status_code in {302, 400}
        for lookup in (f"id__exact={row.pk}", f"broker__id__exact={owner(row).pk}"):
            answer = staff.get(f"{page_of(model)}?{lookup}", follow=True)
            assert answer.status_code in {200, 400}
            if answer.status_code == 200:
                assert row not in answer.context["cl"].result_list


def test_filters_name_no_other_broker(staff: Staff) -> None:
    boss = Staff(UserFactory(whole=True))
    for model in MODELS:
        own, whole = (
            {spec.title for spec in user.get(page_of(model)).context["cl"].filter_specs}
            for user in (staff, boss)
        )
        assert whole - own == (set() if model is Broker else {"broker"})


def autocomplete(staff: Staff, model: str, field: str, term: str = "") -> Any:
    names = {"app_label": "inventory", "model_name": model, "field_name": field, "term": term}
    return staff.get(reverse("admin:autocomplete"), names)


def test_autocomplete_offers_own_events_alone(staff: Staff, own: Broker) -> None:
    mine = str(own.events.get().pk)
    for term, found in {"": [mine], "Live": [mine], "omega": []}.items():
        answer = json.loads(autocomplete(staff, "ticketgroup", "event", term).content)
        assert [choice["id"] for choice in answer["results"]] == found


def test_autocomplete_of_other_fields_is_refused(staff: Staff) -> None:
    fields = {"ticketgroup": "broker", "event": "broker", "ledgerentry": "group", "broker": "name"}
    for model, field in fields.items():
        answer = autocomplete(staff, model, field)
        assert answer.status_code in {200, 403}
        assert "omega" not in answer.content.decode()


def test_forms_offer_no_other_broker(staff: Staff, own: Broker, other: Broker) -> None:
    assert "omega" not in staff.page(page_of(Import, "add"))
    for model in (Event, TicketGroup, ApiKey):
        assert "omega" not in staff.page(page_of(model, "add"))
        assert staff.open_form(page_of(model, "add"))["broker"] == [str(own.pk)]
    asked_for = f"event={other.events.get().pk}&broker={other.pk}"
    assert "omega" not in staff.page(f"{page_of(TicketGroup, 'add')}?{asked_for}")


@pytest.mark.parametrize("permitted", [True, False])
def test_staff_without_a_broker_see_nothing_whatever_their_permissions(
    own: Broker, permitted: bool
) -> None:
    nobody = UserFactory(broker=None)
    if permitted:
        nobody.user_permissions.set(Permission.objects.all())
    staff = Staff(nobody)

    assert "alpha" not in staff.page("/admin/")
    for model in (*MODELS, User):
        row = model.objects.first()
        for address in (page_of(model), page_of(model, "add"), page_of(row)):
            assert staff.get(address).status_code == 403, address
    assert autocomplete(staff, "ticketgroup", "event").status_code == 403


def test_user_who_is_not_staff_is_asked_to_log_in(own: Broker) -> None:
    staff = Staff(UserFactory(broker=own, is_staff=False))

    for model in MODELS:
        assert staff.get(page_of(model))["Location"].startswith(reverse("admin:login"))


def test_user_who_changes_brokers_takes_nothing_along(staff: Staff, own: Broker) -> None:
    """Not even what Django calls recent actions."""
    staff.fill_in(page_of(own.events.get()), venue="alpha Arena")
    assert "alpha live" in staff.page("/admin/").lower()  # that it was saved
    assert LogEntry.objects.filter(user=staff.user).exists()
    User.objects.filter(pk=staff.user.pk).update(broker=BrokerFactory(name="Gamma"))

    assert "alpha live" not in staff.page("/admin/").lower()


def test_shortcut_to_a_row_of_another_broker_leads_nowhere(staff: Staff) -> None:
    for model in MODELS:
        kind = ContentType.objects.get_for_model(model).pk
        for pk in (theirs(model).pk, 999_999):
            answer = staff.get(reverse("admin:view_on_site", args=[kind, pk]))
            assert answer.status_code == 404
            assert "omega" not in answer.content.decode()


def test_superuser_sees_the_rows_of_all_brokers(own: Broker, other: Broker) -> None:
    boss = Staff(User.objects.get(username="boss"))

    for model in MODELS:
        page = boss.page(page_of(model))
        assert "alpha" in page
        assert "omega" in page


def test_page_of_a_hold_tells_nothing_of_another_brokers_hold_of_the_same_global_id(
    staff: Staff, own: Broker, other: Broker
) -> None:
    theirs = Api(other)
    theirs.hold(other.ticket_groups.get(), 1, "alpha-g-1", x_request_id="omega-q")
    theirs.invoice("omega-o-2", "alpha-g-1")
    theirs.release("alpha-g-1")
    mine = own.holds.get(global_id="alpha-g-1")
    Api(own).invoice("alpha-o-2", "alpha-g-1")
    Api(own).release("alpha-g-1")

    for viewer in (staff, Staff(User.objects.get(username="boss"))):
        page = viewer.page(page_of(mine))
        assert "Release after invoice: alpha-o-2" in page
        assert "Invoice alpha-o-2" in page
        assert "omega" not in page
