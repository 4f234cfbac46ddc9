"""A ticket group that nobody has claims on is split in two."""

import re
from typing import Any

import pytest
from django.urls import reverse

from inventory import services
from inventory.errors import Refusal
from inventory.models import Broker, Caller, LedgerEntry, TicketGroup
from tests.support.factories import (
    COPIED,
    EventFactory,
    TicketGroupFactory,
    UserFactory,
    copied_facts,
)
from tests.support.fixtures import BringTo, Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import Rivals, agrees, somebody_locks, until_waiting
from tests.support.staff import Staff, page_of
from tests.support.two_brokers import broker_with_rows

pytestmark = pytest.mark.django_db


def split_page(group: TicketGroup) -> str:
    return reverse("admin:inventory_ticketgroup_split", args=[group.pk])


def entries(group: TicketGroup) -> list[Any]:
    rows = LedgerEntry.objects.filter(group=group).order_by("number")
    return list(rows.values_list("effect", "tickets", "seats", "quantity", "asked_by"))


def test_group_is_split_by_its_seats(api: Api, staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, remote_id="r-1", **COPIED)
    answer = staff.post(split_page(group), {"seats": "9-10, 12", "remote_id": "r-2"}, follow=True)

    new = TicketGroup.objects.get(remote_id="r-2")
    assert answer.redirect_chain == [(page_of(new), 302)]
    assert "3 tickets of r-1 are now the ticket group r-2: 9, row AA." in answer.content.decode()
    group.refresh_from_db()
    assert (group.quantity, group.seats) == (3, ["7", "8", "11"])
    assert (new.quantity, new.seats, new.entries) == (3, ["9", "10", "12"], 1)
    assert copied_facts(new) == copied_facts(group)
    assert entries(group)[1:] == [("stocked", -3, ["7", "8", "11"], 3, "user clerk")]
    assert entries(new) == [("stocked", 3, ["9", "10", "12"], 3, "user clerk")]
    assert agrees()


def test_general_admission_is_split_by_a_quantity_and_both_can_be_held(
    api: Api, staff: Staff, broker: Broker
) -> None:
    group = TicketGroupFactory(broker=broker, remote_id="r-1", seats=[], quantity=10)
    page = staff.page(split_page(group))
    assert 'name="seats"' not in page
    assert "10 tickets without seat numbers" in page
    staff.post(split_page(group), {"quantity": "4", "remote_id": "r-2"})

    new = TicketGroup.objects.get(remote_id="r-2")
    assert api.hold(new, 4, "g-1").status_code == 201
    assert api.hold(group, 7, "g-2").json()["available"] == 6
    assert api.hold(group, 6, "g-2").status_code == 201
    assert agrees()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"seats": "12-14"}, "The group has no seat 13, 14."),
        ({"seats": "7-12"}, "Some of the 6 tickets must go, and some must stay."),
        ({"seats": ""}, "This field is required."),
        ({"seats": "8-7"}, "8-7 runs backwards."),
        ({"remote_id": "taken"}, "The remote id taken is in use."),
        ({"remote_id": "r-1"}, "The remote id r-1 is in use."),
        ({"remote_id": "a b"}, "with no space and no slash"),
        ({"remote_id": ""}, "This field is required."),
    ],
)
def test_split_that_cannot_be_is_refused(
    staff: Staff, broker: Broker, unchanged: Unchanged, values: dict[str, str], complaint: str
) -> None:
    group = TicketGroupFactory(broker=broker, remote_id="r-1")
    TicketGroupFactory(broker=broker, remote_id="taken")
    with unchanged():
        answer = staff.post(split_page(group), {"seats": "7-8", "remote_id": "r-2", **values})

    assert complaint in answer.content.decode()


def test_remote_id_of_another_broker_is_free_to_take(staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, remote_id="r-1")
    TicketGroupFactory(remote_id="taken")
    staff.post(split_page(group), {"seats": "7-8", "remote_id": "taken"})

    assert TicketGroup.objects.get(broker=broker, remote_id="taken").seats == ["7", "8"]


@pytest.mark.parametrize(("seats", "quantity"), [([], 0), ([], 10), ([], -1), (["7"], 0)])
def test_general_admission_is_not_split_into_nothing(
    broker: Broker, unchanged: Unchanged, seats: list[str], quantity: int
) -> None:
    group = TicketGroupFactory(broker=broker, seats=[], quantity=10)
    with unchanged(), pytest.raises(Refusal):
        services.split(
            *(group.id,),
            seats=seats,
            quantity=quantity,
            remote_id="r-2",
            caller=Caller("user clerk"),
        )


@pytest.mark.parametrize("state", ["held", "overdue", "invoiced"])
def test_group_with_claims_stays_whole(
    staff: Staff, group: TicketGroup, bring_to: BringTo, unchanged: Unchanged, state: str
) -> None:
    assert split_page(group) in staff.page(page_of(group))
    bring_to(state)
    assert split_page(group) not in staff.page(page_of(group))
    with unchanged():
        answer = staff.post(split_page(group), {"seats": "11-12", "remote_id": "r-2"})

    assert (
        "Tickets of this group are held or sold, so it cannot be split." in answer.content.decode()
    )


def test_split_that_is_sent_twice_is_done_once(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = {"seats": "7-8", "remote_id": "r-2"}
    assert staff.post(split_page(group), form).status_code == 302
    with unchanged():
        answer = staff.post(split_page(group), form)

    assert "The remote id r-2 is in use." in answer.content.decode()
    assert agrees()


def test_opening_the_page_splits_nothing(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged():
        page = staff.get(split_page(group), {"seats": "7-8", "remote_id": "r-2"})

    assert "they would be for sale twice" in page.content.decode()
    assert "seats 7-12" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_split_that_meets_a_hold_waits_for_it_and_is_refused(
    rivals: Rivals, api: Api, staff: Staff, group: TicketGroup
) -> None:
    form = {"seats": "11-12", "remote_id": "r-2"}
    with somebody_locks(group):
        held = rivals.start(lambda: api.hold(group, 2, "g-1"))
        until_waiting(1)
        split = rivals.start(lambda: staff.post(split_page(group), form))
        until_waiting(2)
    assert held.result().status_code == 201

    assert "held or sold, so it cannot be split" in split.result().content.decode()
    assert TicketGroup.objects.count() == 1
    assert agrees()


@pytest.mark.django_db(transaction=True)
def test_two_splits_to_the_same_remote_id_at_once_make_one_group(
    rivals: Rivals, staff: Staff, group: TicketGroup
) -> None:
    other = TicketGroupFactory(broker=group.broker)
    form = {"seats": "7-8", "remote_id": "new"}
    both = [Staff(staff.user), Staff(staff.user)]
    answers = rivals.together(
        lambda: both[0].post(split_page(group), form),
        lambda: both[1].post(split_page(other), form),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 302]
    assert TicketGroup.objects.filter(remote_id="new").count() == 1
    assert sum(TicketGroup.objects.values_list("quantity", flat=True)) == 12
    assert agrees()


@pytest.mark.django_db(transaction=True)
def test_group_that_somebody_keeps_locked_is_said_to_be_busy(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged(), somebody_locks(group):
        answer = staff.post(split_page(group), {"seats": "7-8", "remote_id": "r-2"})

    assert "It is busy just now" in answer.content.decode()
    assert 'value="7-8"' in answer.content.decode()


def test_group_of_another_broker_is_neither_duplicated_nor_split(unchanged: Unchanged) -> None:
    staff = Staff(UserFactory(broker=broker_with_rows("alpha")))
    theirs = broker_with_rows("omega").ticket_groups.get()
    nothing = TicketGroup(pk=999_999)
    add = page_of(TicketGroup, "add")
    form = {"seats": "7-8", "remote_id": "mine"}
    with unchanged():
        for row in (theirs, nothing):
            answers = [
                staff.get(f"{add}?copy={row.pk}"),
                staff.get(split_page(row)),
                staff.post(split_page(row), form),
            ]
            assert [answer.status_code for answer in answers] == [404] * 3
    assert staff.get(f"{add}?copy=x").status_code == 404


def test_nobody_splits_without_a_broker_or_a_login(group: TicketGroup, client: Any) -> None:
    assert Staff(UserFactory(broker=None)).get(split_page(group)).status_code == 403
    assert client.get(split_page(group)).status_code == 302


def test_text_from_outside_is_only_text_and_nothing_is_styled_in_place(
    staff: Staff, broker: Broker
) -> None:
    attack = "<script>alert(1)<script>"
    event = EventFactory(broker=broker, name=attack, venue=attack)
    group = TicketGroupFactory(
        broker=broker, event=event, remote_id=attack, section=attack, row=attack, seats=["<b>", "2"]
    )
    chosen = {"action": "change_prices", "_selected_action": [group.pk], "index": "0"}
    pages = [
        staff.page(split_page(group)),
        staff.page(page_of(group)),
        staff.page(f"{page_of(TicketGroup, 'add')}?copy={group.pk}"),
        staff.post(split_page(group), {"seats": "<i>", "remote_id": "new"}).content.decode(),
        staff.post(page_of(TicketGroup), chosen).content.decode(),
    ]

    for page in pages:
        assert "&lt;script&gt;" in page
        assert not re.search(r"<script>|<b>|<i>|\sstyle=|<style|\son\w+=", page)
