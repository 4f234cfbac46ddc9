"""Forms of a ticket group that meet others: opened before a hold, saved after it, or at once."""

from typing import Any

import pytest
from django.db import connection

from holds.models import Hold
from inventory import stock_changes
from inventory.models import TicketGroup
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals, agrees, before, somebody_locks, until_waiting
from tests.support.staff import Staff, page_of, page_text

pytestmark = pytest.mark.django_db


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_seats_in_a_form_opened_before_a_hold_are_saved_beside_it(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    api.hold(group, 2, "g-1")
    assert staff.send(page_of(group), form, seats="5-10").status_code == 302

    group.refresh_from_db()
    assert (group.quantity, group.held) == (6, 2)
    assert Hold.objects.get().range == range(2, 4)
    assert agrees()


def test_old_form_whose_seats_were_left_alone_changes_none(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    api.hold(group, 2, "g-1")
    staff.fill_in(page_of(group), seats="7-20")
    assert staff.send(page_of(group), form, public_notes="Aisle").status_code == 302

    group.refresh_from_db()
    assert (group.quantity, group.public_notes, group.held) == (14, "Aisle", 2)
    assert agrees()


def test_old_form_whose_seats_were_changed_is_told_what_they_are_now(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(page_of(group))
    staff.fill_in(page_of(group), seats="1-6")
    with unchanged():
        answer = staff.send(page_of(group), form, seats="7-14", price="55.00")

    told = "The seats have changed since you opened this page: they are now 1-6. Look again."
    assert told in page_text(answer)
    assert 'value="55.00"' in page_text(answer)
    assert 'value="7-14"' in page_text(answer)


def test_who_was_told_what_the_seats_are_now_may_save_again(
    staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    staff.fill_in(page_of(group), seats="1-6")
    page = page_text(staff.send(page_of(group), form, seats="7-14"))
    assert 'name="initial-seats" value="1-6"' in page
    shown = {"initial-seats": "1-6", "initial-quantity": ""}
    assert staff.send(page_of(group), form, seats="7-14", **shown).status_code == 302

    group.refresh_from_db()
    assert group.quantity == 8
    assert agrees()


def test_old_form_of_general_admission_is_told_the_quantity(
    staff: Staff, general: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(page_of(general))
    staff.fill_in(page_of(general), quantity="12")
    with unchanged():
        answer = staff.send(page_of(general), form, quantity="11")

    assert "they are now 12 without seat numbers. Look again." in page_text(answer)


def test_seats_taken_out_in_a_form_opened_before_their_hold_stay(
    api: Api, staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(page_of(group))
    api.hold(group, 2, "g-1")
    with unchanged():
        answer = staff.send(page_of(group), form, seats="9-12")

    assert "The claim g-1 has seats 7, 8" in page_text(answer)


def test_form_opened_while_tickets_were_held_is_saved_after_their_release(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    form = staff.open_form(page_of(group))
    api.release("g-1")
    assert staff.send(page_of(group), form, seats="9-12").status_code == 302

    group.refresh_from_db()
    assert (group.quantity, group.section) == (4, "211")
    assert agrees()


@pytest.mark.django_db(transaction=True)
def test_group_that_somebody_keeps_locked_is_a_sentence_on_the_filled_form(
    rivals: Rivals, staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    form = staff.open_form(page_of(group))
    with unchanged(), somebody_locks(group):
        saved = rivals.start(lambda: staff.send(page_of(group), form, seats="1-6", price="55.00"))
        answer = saved.result(PATIENCE)

    assert answer.status_code == 200
    assert "Somebody else is at work on this just now. Nothing was saved" in page_text(answer)
    assert 'value="1-6"' in page_text(answer)
    assert 'value="55.00"' in page_text(answer)


@pytest.mark.django_db(transaction=True)
def test_saving_leaves_no_time_limits_behind(
    staff: Staff, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[str] = []
    before(monkeypatch, type(TicketGroup.objects), "lock", lambda: limits.append(lock_timeout()))
    usual = lock_timeout()
    staff.fill_in(page_of(group), seats="1-6")

    assert (limits, lock_timeout()) == (["2s"], usual)
    assert usual != "2s"


@pytest.mark.django_db(transaction=True)
def test_seats_that_meet_a_hold_wait_for_it_and_see_it(
    rivals: Rivals, api: Api, staff: Staff, group: TicketGroup
) -> None:
    form = staff.open_form(page_of(group))
    with somebody_locks(group):
        held = rivals.start(lambda: api.hold(group, 2, "g-1"))
        until_waiting(1)
        saved = rivals.start(lambda: staff.send(page_of(group), form, seats="9-12"))
        until_waiting(2)
    assert held.result().status_code == 201

    assert "The claim g-1 has seats 7, 8" in page_text(saved.result())
    group.refresh_from_db()
    assert (group.quantity, group.held) == (6, 2)
    assert agrees()


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_remote_id_at_once_make_one_group(
    rivals: Rivals, staff: Staff, group: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"remote_id": "new", "section": "1", "row": "1", "seats": "1-4", "price": "10"}
    form = {**staff.open_form(page_of(TicketGroup, "add")), **fields, "event": group.event_id}
    put_in, rival = stock_changes.put_in, Staff(staff.user)
    others: list[Any] = []

    def after_another(*args: Any, **kwargs: Any) -> None:
        if not others:
            others.append(None)
            others.extend(rivals.together(lambda: rival.post(page_of(TicketGroup, "add"), form)))
        put_in(*args, **kwargs)

    monkeypatch.setattr(stock_changes, "put_in", after_another)
    answer = staff.post(page_of(TicketGroup, "add"), form)

    assert others[1].status_code == 302
    assert "This broker has a ticket group with that remote id." in page_text(answer)
    assert TicketGroup.objects.filter(remote_id="new").count() == 1
    assert agrees()
