"""A broker's user sees and finds that broker's rows, and not a hint of any other's."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.tenancy import OwnRowsAdmin
from invoices.models import Invoice
from tests.factories import (
    ApiKeyFactory,
    BrokerFactory,
    EventFactory,
    TicketGroupFactory,
    UserFactory,
)
from tests.fixtures import Unchanged
from tests.marketplace import Api
from tests.staff import Staff, page_of

pytestmark = pytest.mark.django_db

MODELS: list[Any] = [
    *(Broker, Event, TicketGroup, LedgerEntry),
    *(Hold, OrderException, Invoice, ApiKey),
]


def book(name: str) -> Broker:
    """A broker whose every text begins with the name: stock, a hold, a sale, an exception."""
    broker = BrokerFactory(name=f"{name} Tickets")
    event = EventFactory(broker=broker, name=f"{name} Live", venue=f"{name} Hall")
    group = TicketGroupFactory(
        broker=broker, event=event, remote_id=f"{name}-r", section=f"{name} 211"
    )
    api = Api(broker)
    api.hold(group, 2, f"{name}-g-1")
    api.hold(group, 2, f"{name}-g-2")
    api.invoice(f"{name}-o", f"{name}-g-2")
    api.release(f"{name}-g-2")
    ApiKeyFactory(broker=broker, name=f"{name} key")
    UserFactory(broker=broker, username=f"{name}-user")
    return broker


@pytest.fixture
def own(db: None) -> Broker:
    return book("alpha")


@pytest.fixture
def other(db: None) -> Broker:
    """The broker that nobody of the first may hear of."""
    broker = book("omega")
    boss = Staff(UserFactory(whole=True, username="boss"))
    boss.fill_in(page_of(Event.objects.get(broker=broker)), venue="omega Arena")
    return broker


@pytest.fixture
def staff(own: Broker, other: Broker) -> Staff:
    return Staff(User.objects.get(username="alpha-user"))


def theirs(model: Any) -> Any:
    """A row of the other broker."""
    return next(row for row in model.objects.all() if "omega" in owner(row).name)


def owner(row: Any) -> Broker:
    if isinstance(row, Broker):
        return row
    owned = row.group if isinstance(row, LedgerEntry) else row
    broker: Broker = owned.broker
    return broker


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
        page = answer.content.decode()
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
}


def test_search_finds_no_row_of_another_broker(staff: Staff) -> None:
    for model, text in SEARCHES.items():
        assert staff.table(f"{page_of(model)}?q={text}") == []
        assert staff.table(f"{page_of(model)}?q={text.replace('omega', 'alpha')}")


def test_lookups_in_the_address_reach_no_other_broker(staff: Staff) -> None:
    for model in MODELS:
        row = theirs(model)
        path = "group__broker" if model is LedgerEntry else "broker"
        for lookup in (f"{path}__name__startswith=o", f"{path}__users__username__startswith=o"):
            assert staff.get(f"{page_of(model)}?{lookup}").status_code in {302, 400}
        for lookup in (f"id__exact={row.pk}", f"{path}__id__exact={owner(row).pk}"):
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


@pytest.mark.parametrize("term", ["", "Live", "omega"])
def test_autocomplete_offers_own_events_alone(staff: Staff, own: Broker, term: str) -> None:
    found = json.loads(autocomplete(staff, "ticketgroup", "event", term).content)["results"]

    mine = [str(own.events.get().pk)] if term != "omega" else []
    assert [choice["id"] for choice in found] == mine


@pytest.mark.parametrize(
    ("model", "field"), [("ticketgroup", "broker"), ("event", "broker"), ("ledgerentry", "group")]
)
def test_autocomplete_of_other_fields_is_refused(staff: Staff, model: str, field: str) -> None:
    answer = autocomplete(staff, model, field)

    assert answer.status_code in {200, 403}
    assert "omega" not in answer.content.decode()


def test_forms_offer_no_other_broker(staff: Staff, own: Broker) -> None:
    for model in (Event, TicketGroup, ApiKey):
        assert "omega" not in staff.page(page_of(model, "add"))
        assert staff.open_form(page_of(model, "add"))["broker"] == [str(own.pk)]


@pytest.mark.parametrize("model", [Event, TicketGroup, ApiKey])
def test_nothing_can_be_added_for_another_broker(
    staff: Staff, other: Broker, unchanged: Unchanged, model: Any
) -> None:
    fields: dict[Any, dict[str, Any]] = {
        Event: {"name": "New", "venue": "New"},
        ApiKey: {"name": "New"},
        TicketGroup: {
            "event": other.events.get().pk,
            "remote_id": "r",
            "section": "1",
            "row": "1",
            "seats": "1-2",
            "price": "1",
        },
    }
    before = model.objects.count()
    with unchanged():
        answer = staff.fill_in(page_of(model, "add"), broker=other.pk, **fields[model])

    assert "not one of the available choices" in answer.content.decode()
    assert model.objects.count() == before


def test_group_cannot_be_moved_to_the_event_of_another_broker(
    staff: Staff, own: Broker, other: Broker, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=own, event=own.events.get())
    with unchanged():
        answer = staff.fill_in(page_of(group), event=other.events.get().pk)

    assert "not one of the available choices" in answer.content.decode()


@pytest.mark.parametrize("model", [Event, TicketGroup])
def test_row_of_another_broker_cannot_be_changed(
    staff: Staff, own: Broker, unchanged: Unchanged, model: Any
) -> None:
    form = staff.open_form(page_of(model.objects.get(broker=own)))
    row = theirs(model)
    before = model.objects.filter(pk=row.pk).values().get()
    with unchanged():
        answer = staff.send(page_of(row), form, name="Mine", price="1.00")

    assert answer.status_code == 302
    assert model.objects.filter(pk=row.pk).values().get() == before


ACTIONS = [(Hold, "release"), (Invoice, "void"), (OrderException, "resolve"), (ApiKey, "revoke")]


@pytest.mark.parametrize(("model", "action"), ACTIONS)
def test_action_on_rows_of_another_broker_does_nothing(
    staff: Staff, unchanged: Unchanged, model: Any, action: str
) -> None:
    rows = [row.pk for row in model.objects.all() if "omega" in owner(row).name]
    before = list(model.objects.order_by("pk").values())
    chosen = {"action": action, "_selected_action": rows, "reason": "Mine", "note": "Mine"}
    with unchanged():
        asked = staff.post(page_of(model), {**chosen, "index": "0"}, follow=True)
        said = staff.confirm(chosen, model)

    assert "omega" not in asked.content.decode()
    assert said == ["None of these is there any more."]
    assert [row for row in model.objects.order_by("pk").values() if row["id"] in rows] == [
        row for row in before if row["id"] in rows
    ]


def test_brokers_and_users_are_not_a_broker_users_to_change(
    staff: Staff, own: Broker, other: Broker
) -> None:
    before = [*Broker.objects.values(), *User.objects.exclude(pk=staff.user.pk).values()]
    fields = {"name": "Mine", "hold_lifetime": "1", "currency": "USD", "time_zone": "UTC"}
    answers = [
        *(staff.post(page_of(row), fields) for row in (own, other)),
        staff.post(page_of(Broker, "add"), fields),
        staff.get(page_of(User)),
        staff.get(page_of(User, "add")),
        staff.get(page_of(staff.user)),
        staff.post(page_of(staff.user), {"broker": other.pk, "is_superuser": "on"}),
        staff.get(reverse("admin:auth_user_password_change", args=[staff.user.pk])),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert [*Broker.objects.values(), *User.objects.exclude(pk=staff.user.pk).values()] == before


def test_key_of_another_broker_gives_no_way_in(staff: Staff, own: Broker) -> None:
    staff.fill_in(page_of(ApiKey, "add"), name="Mine")

    assert ApiKey.objects.latest("id").broker == own


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


def test_permissions_of_django_give_a_broker_user_no_more(staff: Staff, other: Broker) -> None:
    staff.user.user_permissions.set(Permission.objects.all())

    assert staff.get(page_of(User)).status_code == 403
    assert staff.get(page_of(other)).status_code == 302
    assert staff.get(page_of(theirs(Hold))).status_code == 302
    assert staff.get(page_of(Hold.objects.first() or Hold(), "delete")).status_code == 403


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


def test_every_page_confines_a_broker_user(own: Broker, rf: Any) -> None:
    """What is registered later is confined too, or is for superusers alone."""
    everything = Permission.objects.all()
    mine, nobodys = rf.get("/"), rf.get("/")
    mine.user, nobodys.user = UserFactory(), UserFactory(broker=None)
    for request in (mine, nobodys):
        request.user.user_permissions.set(everything)
    for model, model_admin in admin.site._registry.items():
        assert not any(model_admin.get_model_perms(nobodys).values()), model
        assert not model_admin.has_module_permission(nobodys), model
        if isinstance(model_admin, OwnRowsAdmin):
            assert not model_admin.get_queryset(nobodys).exists(), model
        else:
            assert not any(model_admin.get_model_perms(mine).values()), model
            assert not model_admin.has_module_permission(mine), model


def test_every_model_with_a_broker_leads_to_it(db: None) -> None:
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, OwnRowsAdmin) and model is not Broker:
            path = model_admin.broker_lookup.split("__")
            field: Any = model
            for name in path:
                field = field._meta.get_field(name).related_model
            assert field is Broker
