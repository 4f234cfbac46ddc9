"""What no browser sends by itself: odd addresses, keys and values are refused, never a fault."""

from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from holds.models import Hold
from inventory.models import Event, TicketGroup
from invoices.models import Invoice
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of
from tests.test_admin_staff_pages import hold_page, said, sell_held_page, sell_page

pytestmark = pytest.mark.django_db(transaction=True)

ODD = ("abc", "9" * 25, "9" * 5000, "a\x00b", "-1", "1e999", "NaN", "\n", "0x1", "'\"><b>")


@pytest.fixture
def hold(staff: Staff, group: TicketGroup) -> Hold:
    """One ticket that staff hold, beside one that they have sold."""
    staff.fill_in(hold_page(group), quantity="1", customer="Jane Doe")
    staff.fill_in(sell_page(group), quantity="1", channel="Phone")
    return Hold.objects.get(state="held")


def test_actions_work_on_rows_that_are_chosen_by_their_keys(staff: Staff, hold: Hold) -> None:
    assert "Released" in staff.act("release", hold)[0]


@pytest.mark.parametrize("key", [*ODD, "", "１", "9223372036854775808"])
def test_action_on_what_is_no_row_is_a_bad_request(
    staff: Staff, hold: Hold, unchanged: Unchanged, key: str
) -> None:
    chosen = {"_selected_action": [hold.pk, key], "confirmed": "yes"}
    actions: dict[str, type[models.Model]] = {
        "release": Hold,
        "void": Invoice,
        "take_off_sale": TicketGroup,
    }
    with unchanged():
        answers = [
            staff.post(page_of(model), {**chosen, "action": action, "reason": "x"})
            for action, model in actions.items()
        ]

    assert {answer.status_code for answer in answers} == {400}


@pytest.mark.parametrize(
    "filters",
    [
        *("?section=a%00b", "?stock_type__exact=%00", "?remote_id__regex=(", "?id=abc"),
        *("?event__id__exact=" + "9" * 5000, "?q=%00", "?p=abc", "?availability=abc"),
    ],
)
def test_list_with_a_filter_that_cannot_be_is_no_fault(
    staff: Staff, group: TicketGroup, filters: str
) -> None:
    assert staff.get(page_of(TicketGroup) + filters).status_code in {200, 302, 400}


@pytest.mark.parametrize("value", ODD)
def test_new_group_of_an_event_that_cannot_be_is_asked_for_again(
    staff: Staff, unchanged: Unchanged, value: str
) -> None:
    add = page_of(TicketGroup, "add")
    assert staff.get(add, {"event": value}).status_code == 200
    with unchanged():
        answer = staff.fill_in(add, event=value, remote_id="r-1", seats="1-4")

    assert answer.status_code == 200
    assert answer.context["errors"]


def test_form_keeps_the_event_that_was_chosen(staff: Staff, group: TicketGroup) -> None:
    answer = staff.fill_in(page_of(TicketGroup, "add"), event=str(group.event_id), remote_id="")

    assert f'<option value="{group.event_id}" selected' in said(answer)


def test_any_field_may_hold_anything(staff: Staff, group: TicketGroup, hold: Hold) -> None:
    unclaimed = TicketGroupFactory(broker=group.broker)
    pages = [hold_page(group), sell_page(group), sell_held_page(hold)]
    pages += [page_of(group), page_of(unclaimed), page_of(group.event), page_of(Event, "add")]
    for page in pages:
        form: dict[str, Any] = {**staff.open_form(page), "quantity": "1"}
        names = sorted({*form, "seats"})
        # Each field once by itself, each value in all of them.
        sent = [{name: ODD[number % len(ODD)]} for number, name in enumerate(names)]
        for odd in (*sent, *(dict.fromkeys(names, value) for value in ODD)):
            answer = staff.post(page, {**form, **odd})
            assert answer.status_code in {200, 302}, (page, odd)
        assert staff.post(page).status_code in {200, 302}


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_event_on_a_day_that_no_clock_can_show_is_refused(
    api: Api, staff: Staff, group: TicketGroup, unchanged: Unchanged, day: str
) -> None:
    with unchanged():
        answer = staff.fill_in(
            page_of(group.event), date=day, time="23:59:59", time_zone="Pacific/Kiritimati"
        )

    assert f"Give a date from 1900 to {timezone.localdate().year + 10}." in said(answer)
    assert api.hold(group, 2, "g-1").status_code == 201


@pytest.mark.parametrize("text", ["1-" * 20_000 + "x", "1" * 40_000, "1," * 40_000])
def test_seats_without_end_are_refused_at_once(
    staff: Staff, group: TicketGroup, unchanged: Unchanged, text: str
) -> None:
    with unchanged():
        assert staff.fill_in(page_of(group), seats=text).status_code == 200


@pytest.mark.parametrize("charset", ["utf-7", "idna", "hex", "utf-16"])
def test_form_that_says_it_is_in_another_charset_is_read_as_any(
    staff: Staff, group: TicketGroup, charset: str
) -> None:
    fields = {**staff.open_form(hold_page(group)), "quantity": "1", "customer": "a+2AA-b"}
    parts = [
        f'--PART\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{value if isinstance(value, str) else value[0]}\r\n"
        for name, value in fields.items()
    ]
    answer = staff.generic(
        "POST",
        hold_page(group),
        "".join([*parts, "--PART--\r\n"]).encode(),
        content_type=f"multipart/form-data; boundary=PART; charset={charset}",
    )

    assert answer.status_code == 302
    assert Hold.objects.get().customer == "a+2AA-b"
