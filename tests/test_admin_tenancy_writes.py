"""A broker's user adds and changes nothing of another broker, whatever is sent."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.models import Broker, Event, TicketGroup
from invoices.models import Invoice
from tests.support.factories import TicketGroupFactory, UserFactory
from tests.support.fixtures import Unchanged
from tests.support.staff import Staff, page_of
from tests.support.two_brokers import broker_with_rows, owner, theirs

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def own(made_once: None) -> Broker:
    return broker_with_rows("alpha")


@pytest.fixture(scope="module")
def other(made_once: None) -> Broker:
    return broker_with_rows("omega")


@pytest.fixture
def staff(own: Broker, other: Broker) -> Staff:
    return Staff(User.objects.get(username="alpha-user"))


def test_nothing_can_be_added_for_another_broker(
    staff: Staff, own: Broker, other: Broker, unchanged: Unchanged
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
    for model, values in fields.items():
        before = model.objects.count()
        for broker in (own, other) if model is TicketGroup else (other,):
            with unchanged():
                answer = staff.fill_in(page_of(model, "add"), **values, broker=broker.pk)
            assert "not one of the available choices" in answer.content.decode()
        assert model.objects.count() == before


def test_group_cannot_be_moved_to_the_event_of_another_broker(
    staff: Staff, own: Broker, other: Broker, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(broker=own, event=own.events.get())
    with unchanged():
        answer = staff.fill_in(page_of(group), event=other.events.get().pk)

    assert "not one of the available choices" in answer.content.decode()


def test_row_of_another_broker_cannot_be_changed(
    staff: Staff, own: Broker, unchanged: Unchanged
) -> None:
    for model in (Event, TicketGroup):
        form = staff.open_form(page_of(model.objects.get(broker=own)))
        before = list(model.objects.order_by("pk").values())
        answer = staff.send(page_of(theirs(model)), form, name="Mine", price="1.00")
        assert answer.status_code == 302
        assert list(model.objects.order_by("pk").values()) == before


ACTIONS: dict[Any, str] = {
    Hold: "release",
    Invoice: "void",
    OrderException: "resolve",
    ApiKey: "revoke",
}


def test_action_on_rows_of_another_broker_does_nothing(staff: Staff, unchanged: Unchanged) -> None:
    for model, action in ACTIONS.items():
        rows = [row.pk for row in model.objects.all() if "omega" in owner(row).name]
        before = model.objects.filter(pk__in=rows).order_by("pk").values()
        assert rows
        kept = list(before)
        chosen = {
            "action": action,
            "_selected_action": rows,
            "reason": "Mine",
            "note": "Mine",
            "tickets": "gone",
        }
        with unchanged():
            asked = staff.post(page_of(model), {**chosen, "index": "0"}, follow=True)
            said = staff.confirm(chosen, model)
        assert "omega" not in asked.content.decode()
        assert said == ["None of the chosen rows exists any more."]
        assert list(before.all()) == kept


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


def test_new_key_is_one_of_the_own_broker(staff: Staff, own: Broker) -> None:
    staff.fill_in(page_of(ApiKey, "add"), name="Mine")

    assert ApiKey.objects.latest("id").broker == own


def test_permissions_of_django_give_a_broker_user_no_more(staff: Staff, other: Broker) -> None:
    staff.user.user_permissions.set(Permission.objects.all())

    assert staff.get(page_of(User)).status_code == 403
    assert staff.get(page_of(other)).status_code == 302
    assert staff.get(page_of(theirs(Hold))).status_code == 302
    assert staff.get(page_of(Hold.objects.first() or Hold(), "delete")).status_code == 403


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
