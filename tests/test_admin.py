"""The admin's pages: what they list, find and filter, and how users, keys and groups are made."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automator import problems
from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from invoices.models import Invoice
from tests.factories import (
    ApiKeyFactory,
    BrokerFactory,
    EventFactory,
    TicketGroupFactory,
    UserFactory,
)
from tests.fixtures import BringTo, DatabaseClock, Unchanged
from tests.marketplace import Api
from tests.staff import Staff, page_of

pytestmark = pytest.mark.django_db

LISTS: list[Any] = [Broker, Event, TicketGroup, LedgerEntry, Hold, OrderException, Invoice, ApiKey]


@pytest.fixture
def staff(broker: Broker) -> Staff:
    return Staff(UserFactory(broker=broker, username="clerk"))


@pytest.fixture
def boss(db: None) -> Staff:
    return Staff(UserFactory(whole=True, username="boss"))


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
        ["g-2", "Held", "9 min", "5 min", event, f"{place} 9-10", "2", "40.00 USD", "-"],
        ["g-1", "Held", "overdue by 10 s", "15 min", event, f"{place} 7-8", "2", "40.00 USD", "-"],
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


@pytest.mark.parametrize("query", FILTERS)
def test_groups_are_filtered(api: Api, staff: Staff, broker: Broker, query: str) -> None:
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

    assert sorted(staff.first_column(f"{page_of(TicketGroup)}?{query}")) == FILTERS[query]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state__exact=held", ["g-held", "g-overdue"]),
        ("state__exact=released", ["g-released"]),
        ("overdue=yes", ["g-overdue"]),
    ],
)
def test_holds_are_filtered(staff: Staff, bring_to: BringTo, query: str, found: list[str]) -> None:
    for state in ("overdue", "held", "released"):
        bring_to(state, f"g-{state}")

    assert sorted(staff.first_column(f"{page_of(Hold)}?{query}")) == found


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


@pytest.mark.parametrize("model", LISTS)
def test_empty_list_says_what_to_do(boss: Staff, model: Any) -> None:
    empty = boss.page(page_of(model))
    missed = boss.page(f"{page_of(model)}?q=nothing")

    assert re.search(r'class="nothing">\s*(No|Nothing) .{20}', empty)
    assert re.search(r"No .* match\.", missed)


def add_group(staff: Staff, owner: Broker, **values: Any) -> Any:
    """Fill in the form of a new ticket group for an event of the owner."""
    fields = {
        "event": EventFactory(broker=owner).pk,
        "remote_id": "r-1",
        "section": "211",
        "row": "15",
        "seats": "1-15 odd",
        "price": "40.00",
        **values,
    }
    return staff.fill_in(page_of(TicketGroup, "add"), **fields)


def test_group_is_added_with_its_seats_and_its_ledger(staff: Staff, broker: Broker) -> None:
    assert add_group(staff, broker).status_code == 302

    group = TicketGroup.objects.get()
    assert (group.broker, group.remote_id, group.price) == (broker, "r-1", Decimal("40.00"))
    assert (group.quantity, group.seats) == (8, ["1", "3", "5", "7", "9", "11", "13", "15"])
    entry = LedgerEntry.objects.get()
    assert (entry.group, entry.effect, entry.tickets) == (group, "stocked", 8)
    assert (entry.seats, entry.asked_by) == (group.seats, "user clerk")


def test_added_group_can_be_held(api: Api, staff: Staff, broker: Broker) -> None:
    add_group(staff, broker, seats="", quantity="100", split_rule="custom", split_quantities="2,4")
    group = TicketGroup.objects.get()

    assert (group.quantity, group.seats, group.split_quantities) == (100, [], [2, 4])
    assert api.hold(group, 3, "g-1").status_code == 409
    assert api.hold(group, 4, "g-1").status_code == 201


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"seats": "8-1"}, "8-1 runs backwards."),
        ({"seats": "1-3,3"}, "The seat 3 stands there twice."),
        ({"seats": "1-3", "quantity": "4"}, "These are 3 seats. Leave the quantity empty."),
        ({"seats": ""}, "Give the seats, or the quantity of tickets without numbers."),
        ({"seats": "", "quantity": "0"}, "greater than or equal to 1"),
        ({"seats": "1\0"}, "Null characters are not allowed"),
        ({"remote_id": "taken"}, "This broker has a ticket group with that remote id."),
        ({"remote_id": "a b"}, "with no space and no slash"),
        ({"split_rule": "custom"}, "A custom split rule lists its quantities."),
        ({"split_rule": "custom", "split_quantities": "0,2"}, "greater than or equal to 1"),
        ({"split_rule": "odd"}, "Select a valid choice"),
        ({"price": "-1"}, "A price is from 0 to 1,000,000."),
        ({"price": "NaN"}, "Enter a number."),
        ({"event": "0"}, "That choice is not one of the available choices"),
    ],
)
def test_group_that_cannot_be_is_not_added(
    staff: Staff, broker: Broker, unchanged: Unchanged, values: dict[str, str], complaint: str
) -> None:
    TicketGroupFactory(broker=broker, remote_id="taken")
    with unchanged():
        answer = add_group(staff, broker, **values)

    assert complaint in answer.content.decode()


def test_group_of_one_broker_for_an_event_of_another_is_not_added(
    boss: Staff, broker: Broker, unchanged: Unchanged
) -> None:
    with unchanged():
        answer = add_group(boss, BrokerFactory(), broker=broker.pk)

    assert f"This event is not one of {broker}." in answer.content.decode()


def test_custom_split_rule_that_is_given_up_takes_its_quantities_along(
    staff: Staff, broker: Broker
) -> None:
    add_group(staff, broker, split_rule="custom", split_quantities="2,4")
    staff.fill_in(page_of(TicketGroup.objects.get()), split_rule="pairs")

    group = TicketGroup.objects.get()
    assert (group.split_rule, group.split_quantities) == ("pairs", [])


def test_event_is_added_and_changed(staff: Staff, broker: Broker) -> None:
    Broker.objects.update(time_zone="America/Chicago")
    staff.fill_in(page_of(Event, "add"), name="Cirque", venue="Bellagio")
    event = Event.objects.get()
    assert (event.broker, event.when, event.time_zone) == (broker, "TBA", "America/Chicago")

    staff.fill_in(page_of(event), date="2030-05-04", time="20:00")
    event.refresh_from_db()
    assert (event.name, event.when) == ("Cirque", "Sat May 4, 2030, 8:00 PM")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": "Taken", "venue": "Bellagio"}, "This broker has that event already."),
        ({"name": "A", "venue": "B", "time": "20:00"}, "An event with a time needs a date."),
        ({"name": "A", "venue": "B", "time_zone": "Mars"}, "There is no time zone"),
    ],
)
def test_event_that_cannot_be_is_not_added(
    staff: Staff, broker: Broker, values: dict[str, str], complaint: str
) -> None:
    EventFactory(broker=broker, name="Taken", venue="Bellagio", date=None)
    answer = staff.fill_in(page_of(Event, "add"), **values)

    assert complaint in answer.content.decode().replace("&#x27;", "'")
    assert Event.objects.count() == 1


def test_superuser_adds_and_changes_brokers(boss: Staff) -> None:
    boss.fill_in(page_of(Broker, "add"), name="Harbor Lane")
    broker = Broker.objects.get()
    boss.fill_in(page_of(broker), hold_lifetime="600")

    broker.refresh_from_db()
    assert (broker.name, broker.hold_lifetime, broker.currency) == ("Harbor Lane", 600, "USD")


def make_key(staff: Staff, **values: Any) -> tuple[str, str]:
    """The page that shows a new key, and the key."""
    page = staff.fill_in(page_of(ApiKey, "add"), name="TEvo", **values).content.decode()
    found = re.search(r"automator_[0-9a-f]{12}_[0-9a-f]{64}", page)
    return page, found[0] if found else ""


def test_new_key_is_shown_once_and_works(staff: Staff, group: TicketGroup) -> None:
    page, key = make_key(staff, networks="127.0.0.0/8, 10.0.0.1")
    secret = key.rpartition("_")[2]
    assert page.count(secret) == 1

    row = ApiKey.objects.get()
    assert (row.name, row.broker, row.networks) == (
        "TEvo",
        group.broker,
        ["127.0.0.0/8", "10.0.0.1"],
    )
    answer = Client().post(
        "/api/v1/holds",
        {"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"},
        content_type="application/json",
        headers={"X-API-Key": key},
    )
    assert answer.status_code == 201


def test_secret_of_a_new_key_is_kept_nowhere(
    staff: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    _, key = make_key(staff)
    secret = key.rpartition("_")[2]
    row = ApiKey.objects.get()
    later = [staff.page(page_of(ApiKey)), staff.page(page_of(row)), staff.page("/admin/")]
    later.append(staff.page(page_of(row, "history")))

    kept = [
        *later,
        caplog.text,
        str(staff.cookies),
        *(str(dict(session.get_decoded())) for session in Session.objects.all()),
        *(str(values) for values in LogEntry.objects.values()),
        *(str(values) for values in ApiKey.objects.values()),
    ]
    assert LogEntry.objects.exists()
    assert Session.objects.exists()
    assert not [text for text in kept if secret in text]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"networks": "10.0.0.0/33"}, "Not a network"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "lets nobody in"),
    ],
)
def test_key_that_cannot_be_is_not_made(
    staff: Staff, values: dict[str, str], complaint: str
) -> None:
    page, key = make_key(staff, **values)

    assert complaint in page
    assert not key
    assert not ApiKey.objects.exists()


def test_revoked_key_lets_nobody_in(api: Api, staff: Staff) -> None:
    key = ApiKey.objects.get()
    said = staff.act("revoke", key)

    assert said == [f"API key {key}: Revoked."]
    assert api.release("g-1").status_code == 401
    assert staff.table(page_of(ApiKey))[0][2] == "Revoked"
    assert staff.act("revoke", key) == [f"API key {key}: It was revoked before."]


def test_hash_of_a_key_cannot_be_spelled_out(api: Api, boss: Staff) -> None:
    letter = ApiKey.objects.get().secret_hash[0]

    answer = boss.get(f"{page_of(ApiKey)}?secret_hash__startswith={letter}")
    assert answer.status_code == 400


def test_superuser_makes_a_user_who_logs_in(boss: Staff, broker: Broker) -> None:
    password = {"password1": "correct horse", "password2": "correct horse"}
    boss.fill_in(page_of(User, "add"), username="ann", broker=broker.pk, **password)

    user = User.objects.get(username="ann")
    assert (user.broker, user.is_staff, user.is_superuser) == (broker, True, False)
    assert user.check_password("correct horse")
    assert Client().login(username="ann", password="correct horse")


@pytest.mark.parametrize("values", [{}, {"broker": "own", "is_superuser": "on"}])
def test_user_has_a_broker_or_is_a_superuser(
    boss: Staff, broker: Broker, values: dict[str, str]
) -> None:
    if "broker" in values:
        values = {**values, "broker": str(broker.pk)}
    password = {"password1": "correct horse", "password2": "correct horse"}
    answer = boss.fill_in(page_of(User, "add"), username="ann", **password, **values)

    assert "A user has a broker, or is a superuser" in answer.content.decode()
    assert not User.objects.filter(username="ann").exists()


def test_times_are_in_the_time_zone_of_the_broker(api: Api, boss: Staff) -> None:
    Broker.objects.update(time_zone="Asia/Tokyo")
    tokyo = Staff(UserFactory(broker=Broker.objects.get()))
    api.release("g-1")
    Hold.objects.update(changed_at="2026-11-23T20:00:00Z")
    page = page_of(Hold.objects.get())

    assert "Nov. 24, 2026, 5 a.m." in tokyo.page(page)
    assert "Times are in Asia/Tokyo" in tokyo.page(page)
    assert "Nov. 23, 2026, 8 p.m." in boss.page(page)
    assert "Times are in UTC" in boss.page(page)


def test_time_zone_that_only_postgresql_knows_does_no_harm(broker: Broker) -> None:
    Broker.objects.update(time_zone="Nowhere/Special")
    staff = Staff(UserFactory(broker=broker))

    assert "Times are in UTC" in staff.page(page_of(Hold))


ATTACK = "<script>alert(1)<script>"


@pytest.fixture
def attacked(api: Api, broker: Broker) -> TicketGroup:
    """Rows whose every text is an attack."""
    broker.name = ATTACK
    broker.save()
    event = EventFactory(broker=broker, name=ATTACK, venue=ATTACK)
    texts = dict.fromkeys(("remote_id", "section", "row", "public_notes", "internal_notes"), ATTACK)
    group = TicketGroupFactory(broker=broker, event=event, seats=["<script>", "<b>"], **texts)
    api.hold(group, 2, ATTACK, x_request_id="q-1")
    api.invoice(ATTACK, ATTACK)
    api.release(ATTACK)
    api.invoice(ATTACK, f"{ATTACK}2")
    ApiKeyFactory(broker=broker, name=ATTACK)
    return group


def test_text_from_outside_is_only_text(boss: Staff, broker: Broker, attacked: TicketGroup) -> None:
    user = UserFactory(broker=Broker.objects.get(), username="clerk", first_name=ATTACK)
    for staff in (Staff(user), boss):
        for model in LISTS:
            for address in (page_of(model), page_of(model.objects.first())):
                page = staff.page(address)
                assert "&lt;script&gt;" in page, address
                assert "<script>" not in page, address


def test_text_from_outside_is_only_text_where_actions_ask_and_answer(
    staff: Staff, attacked: TicketGroup
) -> None:
    actions: dict[str, Any] = {"void": Invoice, "release": Hold, "revoke": ApiKey}
    for action, model in actions.items():
        chosen = {"action": action, "_selected_action": [model.objects.first().pk]}
        asked = staff.post(page_of(model), {**chosen, "index": "0"})
        done = staff.post(
            page_of(model), {**chosen, "confirmed": "yes", "reason": ATTACK}, follow=True
        )
        for answer in (asked, done):
            assert "&lt;script&gt;" in answer.content.decode()
            assert "<script>" not in answer.content.decode()


def test_pages_run_and_style_nothing_in_place(
    boss: Staff, staff: Staff, attacked: TicketGroup
) -> None:
    """What the Content-Security-Policy would stop."""
    pages = [
        boss.page(address)
        for model in (*LISTS, User)
        for address in (page_of(model), page_of(model.objects.first()))
    ]
    pages += [boss.page(page_of(model, "add")) for model in (Event, TicketGroup, ApiKey, User)]
    pages += [boss.page("/admin/"), Client().get(reverse("admin:login")).content.decode()]
    pages.append(make_key(staff)[0])
    inline = re.compile(r"<script(?![^>]* src=)[^>]*>\s*\S|<style|\sstyle=|\son\w+=", re.IGNORECASE)

    assert not [found[0] for page in pages if (found := inline.search(page))]


def test_superuser_without_a_broker_is_told_apart_from_nobody(boss: Staff) -> None:
    nobody = Staff(UserFactory(broker=None))

    assert "Brokers" in boss.page("/admin/")
    assert "Your account has no broker yet." in nobody.page("/admin/")


def test_errors_are_pages_of_our_own(staff: Staff, group: TicketGroup) -> None:
    strict = Client(enforce_csrf_checks=True)
    answers: dict[str, Any] = {
        "There is nothing here": staff.get("/nothing"),
        "You may not do that": staff.get(page_of(Hold, "add")),
        "That request makes no sense here": staff.get(f"{page_of(Hold)}?group__cost__gt=1"),
        "This form is too old": strict.post(reverse("admin:login"), {"username": "x"}),
        "Something went wrong": problems.server_error(RequestFactory().get("/admin/")),
    }

    assert [answer.status_code for answer in answers.values()] == [404, 403, 400, 403, 500]
    for heading, answer in answers.items():
        page = answer.content.decode()
        assert f"<h1>{heading}</h1>" in page
        assert "/nothing" not in page
