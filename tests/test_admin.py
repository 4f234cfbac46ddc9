"""The admin's lists: what they show, find and filter, and what that costs."""

import re
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from invoices.models import Invoice
from tests.support.factories import ApiKeyFactory, EventFactory, TicketGroupFactory, UserFactory
from tests.support.fixtures import BringTo, DatabaseClock
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db

LISTS: list[Any] = [Broker, Event, TicketGroup, LedgerEntry, Hold, OrderException, Invoice, ApiKey]


def sell(api: Api, number: int) -> None:
    """A ticket group of an event of its own; a pair of it sold, and an invoice without a hold."""
    event = EventFactory(broker=api.broker, name=f"Show {number}")
    group = TicketGroupFactory(broker=api.broker, event=event, remote_id=f"r-{number}")
    api.hold(group, 2, f"g-{number}")
    api.invoice(f"o-{number}", f"g-{number}")
    api.invoice(f"o-{number}", f"unknown-{number}")


def test_broker_user_logs_in_and_sees_the_ticket_groups(broker: Broker, group: TicketGroup) -> None:
    user = UserFactory(broker=broker)
    user.set_password("correct horse")
    user.save()
    client = Client()
    login = {"username": user.username, "password": "correct horse", "next": page_of(TicketGroup)}
    page = client.post(reverse("admin:login"), login, follow=True).content.decode()

    assert group.remote_id in page
    assert str(broker) in page


def test_group_list_shows_what_is_free_held_and_sold(
    api: Api, staff: Staff, broker: Broker
) -> None:
    event = EventFactory(broker=broker, name="Cirque", date=date(2030, 5, 4))
    seats = [str(number) for number in range(1, 16, 2)]
    group = TicketGroupFactory(broker=broker, event=event, remote_id="r-1", seats=seats)
    api.hold(group, 2, "g-1")
    api.hold(group, 3, "g-2")
    api.invoice("o-2", "g-2")

    assert staff.table(page_of(TicketGroup)) == [
        [
            *("r-1", "Cirque Sat May 4, 2030, TBA", "211", "15", "1-15 odd"),
            *("8", "3", "2", "3", "Any", "40.00 USD", ""),
        ]
    ]


def test_hold_list_shows_state_age_and_time_left(
    api: Api, staff: Staff, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    api.hold(group, 2, "g-1")
    database_clock.move(600)
    api.hold(group, 2, "g-2")
    database_clock.move(310)
    rows = staff.table(page_of(Hold))

    event = f"{group.event.name} {group.event.when}"
    place = "211, row 15"
    assert [[*row[:4], *row[5:7], *row[7:]] for row in rows] == [
        ["g-2", "Held", "9 min", "5 min", event, f"{place} 9-10", "2", "40.00 USD"],
        ["g-1", "Held", "overdue by 10 s", "15 min", event, f"{place} 7-8", "2", "40.00 USD"],
    ]


def test_page_of_a_hold_has_its_ledger_invoice_and_exceptions(api: Api, staff: Staff) -> None:
    sell(api, 1)
    api.release("g-1", x_request_id="q-1")
    page = staff.page(page_of(Hold.objects.get(global_id="g-1")))

    assert page_of(Invoice.objects.get()) in page
    assert page_of(OrderException.objects.get(reason="already_invoiced")) in page
    ledger = page.partition("<h2>Ledger</h2>")[2]
    assert re.findall(r"<td>(Held|Invoiced)</td>", ledger) == ["Held", "Invoiced"]
    assert api.caller in ledger


def test_open_exceptions_come_first_and_the_newest_of_them(api: Api, staff: Staff) -> None:
    for number in (1, 2, 3):
        api.invoice(f"o-{number}", "g-1")
    staff.act("resolve", OrderException.objects.get(order_id="o-3"), note="Settled")
    rows = staff.table(page_of(OrderException))

    assert [row[:3] for row in rows] == [
        ["Invoice without a hold", "Open", "o-2"],
        ["Invoice without a hold", "Open", "o-1"],
        ["Invoice without a hold", "Resolved", "o-3"],
    ]


def test_exception_shows_the_money_at_risk(api: Api, staff: Staff, bring_to: BringTo) -> None:
    bring_to("released")
    api.invoice("o-1", "g-1")

    assert "80.00 USD" in staff.table(page_of(OrderException))[0]


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_few_queries_for_any_number_of_rows(
    api: Api, staff: Staff, boss: Staff, rows: int
) -> None:
    for number in range(rows):
        sell(api, number)
    for _ in range(rows - 1):
        ApiKeyFactory(broker=api.broker)
    for model in LISTS:
        with CaptureQueriesContext(connection) as own:  # session, user, broker, count, rows
            staff.page(page_of(model))
        with CaptureQueriesContext(connection) as whole:  # the filter's brokers, and no zone
            boss.page(page_of(model))
        assert (model, len(own), len(whole)) == (model, 5, 4 if model is Broker else 5)


def test_list_of_users_takes_the_same_few_queries_for_any_number_of_rows(boss: Staff) -> None:
    for _ in range(3):
        UserFactory()
        with CaptureQueriesContext(connection) as queries:
            boss.page(page_of(User))
        assert len(queries) == 5


FILTERS = {
    "availability=for_sale": ["free", "held"],
    "availability=held": ["held"],
    "availability=sold_out": ["sold"],
    "availability=off_sale": ["off"],
    "when=upcoming": ["free", "held", "off", "sold"],
    "when=past": ["past"],
    "stock_type__exact=HARD": ["free"],
}


def test_groups_are_filtered(api: Api, staff: Staff, broker: Broker) -> None:
    past = EventFactory(broker=broker, date=date(2020, 1, 1))
    groups: dict[str, dict[str, Any]] = {
        "free": {"stock_type": "HARD"},
        "held": {},
        "sold": {},
        "off": {"on_sale": False},
        "past": {"event": past},
    }
    made = {
        name: TicketGroupFactory(broker=broker, remote_id=name, **fields)
        for name, fields in groups.items()
    }
    api.hold(made["held"], 2, "g-1")
    api.hold(made["sold"], 6, "g-2")
    api.invoice("o-1", "g-2")

    for query, found in FILTERS.items():
        assert sorted(staff.first_column(f"{page_of(TicketGroup)}?{query}")) == found, query


def test_holds_are_filtered(staff: Staff, bring_to: BringTo) -> None:
    for state in ("overdue", "held", "released"):
        bring_to(state, f"g-{state}")
    for query, found in {
        "state__exact=held": ["g-held", "g-overdue"],
        "state__exact=released": ["g-released"],
        "overdue=yes": ["g-overdue"],
    }.items():
        assert sorted(staff.first_column(f"{page_of(Hold)}?{query}")) == found, query


WORK_AND_SALES = [
    (OrderException, "open=yes", ["Invoice after void"]),
    (OrderException, "open=no", ["Invoice without a hold"]),
    (OrderException, "reason__exact=sale_voided", ["Invoice after void"]),
    (Invoice, "state=sold", ["o-2"]),
    (Invoice, "state=voided", ["o-1"]),
    (Event, "when=past", []),
]


def test_work_and_sales_are_filtered(api: Api, staff: Staff, bring_to: BringTo) -> None:
    api.invoice("o-1", "g-1")
    group = bring_to("voided")
    api.invoice("o-9", "g-1")
    api.hold(group, 2, "g-2")
    api.invoice("o-2", "g-2")
    found = [
        (model, query, staff.first_column(f"{page_of(model)}?{query}"))
        for model, query, _ in WORK_AND_SALES
    ]

    assert found == WORK_AND_SALES


def test_ledger_is_filtered_by_effect(api: Api, staff: Staff) -> None:
    sell(api, 1)
    rows = staff.table(f"{page_of(LedgerEntry)}?effect__exact=invoiced")

    assert [row[1:6] for row in rows] == [["r-1", "Invoiced", "2", "7-8", "g-1"]]


SEARCHES = [
    (TicketGroup, "r-2", 1),
    (TicketGroup, '"show 2"', 1),
    (TicketGroup, "211", 3),
    (Hold, "g-2", 1),
    (Hold, "r-2", 1),
    (Hold, "o-2", 1),
    (Invoice, "o-2", 1),
    (Invoice, "g-2", 1),
    (OrderException, "o-2", 1),
    (OrderException, "unknown-2", 1),
    (LedgerEntry, "g-2", 2),
    (LedgerEntry, "r-2", 3),
    (LedgerEntry, "q-2", 1),
    (Event, '"Show 2"', 1),
    (ApiKey, "tevo", 1),
]


def test_lists_are_searched(api: Api, staff: Staff) -> None:
    for number in (1, 2, 3):
        sell(api, number)
    group = TicketGroup.objects.get(remote_id="r-1")
    api.hold(group, 2, "g-9", x_request_id="q-2")
    found = [
        (model, text, len(staff.table(f"{page_of(model)}?q={text}"))) for model, text, _ in SEARCHES
    ]

    assert found == SEARCHES
