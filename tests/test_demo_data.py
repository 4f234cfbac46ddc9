"""The demo's data: tickets that obey the rules, holds and sales, and calls that work if pasted."""

import json
import re
import shlex
import stat
from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import global_settings
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db.models import Model
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from automator import audit
from automator.demo import data as demo
from automator.demo.shows import SHOWS
from automator.demo.ticket_groups import fields_of_groups
from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.seats import rows
from inventory.split_rules import SplitRule
from invoices.models import Invoice

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db

ADDRESS = "http://127.0.0.1:8000"


def prepare() -> str:
    text = StringIO()
    demo.prepare(OutputWrapper(text), ADDRESS)
    return text.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / ".demo"


@pytest.fixture(scope="module", autouse=True)
def first_run(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, folder: Path
) -> Iterator[str]:
    """What the first run prints. It is made once; each test rolls back what it does to it."""
    with django_db_blocker.unblock(), override_settings(DEMO_DIR=folder):
        yield prepare()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(autouse=True)
def credentials(folder: Path) -> Iterator[dict[str, str]]:
    """What the file says; what a test does to the file is undone."""
    path = folder / "credentials.json"
    before = path.read_bytes()
    yield json.loads(before)
    path.write_bytes(before)


def paste(command: str) -> "Answer":
    """Make a printed call, through Django's client instead of curl."""
    words = iter(shlex.split(command))
    assert next(words) == "curl"
    url, body, headers, method = "", None, {}, ""
    for word in words:
        match word:
            case "-iw":
                next(words)
            case "-H":
                name, _, headers[name] = next(words).partition(": ")
            case "-d":
                body = next(words)
            case "-X":
                method = next(words)
            case _:
                url = word
    assert url.startswith(ADDRESS)
    return Client(headers=headers).generic(
        method or ("POST" if body else "GET"),
        url.removeprefix(ADDRESS),
        body or "",
        content_type=headers.get("Content-Type", ""),
    )


def calls(printed: str) -> list[str]:
    return re.findall(r"^ *(curl .*)$", printed, re.MULTILINE)


MODELS: tuple[type[Model], ...] = (
    *(Broker, Event, TicketGroup, Hold, Invoice, OrderException, LedgerEntry, ApiKey, User),
)


def everything() -> list[list[dict[str, Any]]]:
    return [list(model._default_manager.order_by("pk").values()) for model in MODELS]


def test_prints_calls_that_hold_two_seats_free_them_and_sell_them(first_run: str) -> None:
    hold, look_up, release, again, invoice = calls(first_run)

    answers = [paste(call) for call in (hold, hold, look_up, release, again, invoice)]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 201, 201]
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert len(answers[0].json()["seats"]) == 2
    assert answers[3].json()["status"] == "released"
    assert answers[5].json()["seats"] == answers[4].json()["seats"]
    assert list(audit.differences()) == []


def test_prints_logins_that_work(first_run: str) -> None:
    logins = dict(re.findall(r"^ +(demo-\w+) +(\w{16}) ", first_run, re.MULTILINE))

    assert set(logins) == {"demo-admin", "demo-broker"}
    for name, password in logins.items():
        assert Client().login(username=name, password=password)
        assert User.objects.get(username=name).is_staff
    assert User.objects.get(username="demo-admin").is_superuser
    staff = User.objects.get(username="demo-broker")
    assert (staff.is_superuser, staff.broker) == (False, Broker.objects.get())


def test_no_start_takes_the_time_that_a_password_of_people_needs() -> None:
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        prepare()

    for user in User.objects.all():
        assert user.password.startswith("pbkdf2_sha256$1$")


def test_says_what_it_made_and_where_to_look(first_run: str) -> None:
    made = "Made: 1 broker, 12 events, 163 ticket groups, 30 holds, 18 invoices, 2 exceptions."

    assert made in first_run.splitlines()
    assert "Kept" not in first_run
    assert f"{ADDRESS}/admin/" in first_run
    assert f"{ADDRESS}/docs/" in first_run


def test_a_second_run_keeps_everything_and_says_so(first_run: str) -> None:
    before = everything()

    printed = prepare()

    assert everything() == before
    kept = "Kept: 1 broker, 12 events, 163 ticket groups, 30 holds, 18 invoices, 2 exceptions."
    assert printed.splitlines()[0] == kept
    same = r"^ +demo-.*|API key.*"
    assert re.findall(same, printed, re.MULTILINE) == re.findall(same, first_run, re.MULTILINE)


def test_each_run_prints_calls_with_ids_of_its_own(first_run: str) -> None:
    ids = [re.findall(r"try-[0-9a-f]{8}", text) for text in (first_run, prepare())]

    assert [len(set(of_a_run)) for of_a_run in ids] == [2, 2]
    assert not set(ids[0]) & set(ids[1])


def test_a_run_on_a_later_day_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything()
    later = timezone.now() + timedelta(days=3)
    monkeypatch.setattr(timezone, "now", lambda: later)

    prepare()

    assert everything() == before


def test_only_its_owner_reads_the_credentials(folder: Path, credentials: dict[str, str]) -> None:
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert set(credentials) == {"demo-admin", "demo-broker", "key"}
    assert len(set(credentials.values())) == 3


@pytest.mark.parametrize("text", [None, "", "{"])
def test_without_its_credentials_a_run_makes_new_ones(
    text: str | None, folder: Path, credentials: dict[str, str]
) -> None:
    path = folder / "credentials.json"
    path.unlink() if text is None else path.write_text(text)

    printed = prepare()

    new = json.loads(path.read_text())
    assert not set(new.values()) & set(credentials.values())
    assert Client().login(username="demo-admin", password=new["demo-admin"])
    assert not Client().login(username="demo-admin", password=credentials["demo-admin"])
    assert paste(calls(printed)[0]).status_code == 201


def test_a_key_that_was_revoked_is_replaced(credentials: dict[str, str]) -> None:
    ApiKey.objects.all().revoke()

    printed = prepare()

    assert credentials["key"] not in printed
    assert paste(calls(printed)[0]).status_code == 201


def test_the_printed_call_takes_a_pair_that_is_free_now_until_there_is_none() -> None:
    for _ in range(3):
        assert paste(calls(prepare())[0]).status_code == 201
    TicketGroup.objects.update(on_sale=False)

    printed = prepare()

    assert calls(printed) == []
    assert "No ticket group has two free tickets together" in printed


def test_a_pair_without_seat_numbers_does_too() -> None:
    TicketGroup.objects.exclude(seats=[]).update(on_sale=False)

    assert paste(calls(prepare())[0]).status_code == 201


def test_the_data_obey_the_rules() -> None:
    assert list(audit.differences()) == []


def test_every_split_rule_and_every_shape_of_seats_is_there() -> None:
    groups = list(TicketGroup.objects.all())

    assert {group.split_rule for group in groups} == {rule.value for rule in SplitRule}
    assert {shape(group.seats) for group in groups} == {
        *("general", "single", "consecutive", "odd", "even", "letters")
    }
    assert all(len(rows(group.seats)) == 1 for group in groups if group.seats)
    assert {group.in_hand_on is None for group in groups} == {True, False}
    assert {group.on_sale for group in groups} == {True, False}
    assert len({group.stock_type for group in groups}) == 7
    assert any(group.public_notes for group in groups)
    assert any(group.internal_notes for group in groups)


def shape(labels: list[str]) -> str:
    if len(labels) < 2:
        return "single" if labels else "general"
    if labels[0].isalpha():
        return "letters"
    if int(labels[1]) - int(labels[0]) == 1:
        return "consecutive"
    return "odd" if int(labels[0]) % 2 else "even"


def test_no_seat_is_in_two_groups_of_an_event() -> None:
    seats = [
        (group.event_id, group.section, group.row, seat)
        for group in TicketGroup.objects.all()
        for seat in group.seats or ["all"]
    ]
    assert len(seats) == len(set(seats))


def test_events_are_ahead_and_one_has_no_time_and_one_no_date() -> None:
    today = timezone.now().date()
    dates = [event.date for event in Event.objects.all() if event.date]

    assert Event.objects.filter(date=None).count() == 1
    assert Event.objects.filter(date__isnull=False, time=None).count() == 1
    assert today < min(dates)
    assert max(dates) < today + timedelta(days=200)


def test_the_tickets_are_the_same_on_every_day_but_for_its_dates() -> None:
    loaded = [
        [
            {name: value for name, value in group.items() if name != "in_hand_on"}
            for show in SHOWS
            for group in fields_of_groups(show, today)
        ]
        for today in (date(2026, 11, 23), date(2028, 2, 29))
    ]
    assert loaded[0] == loaded[1]


def test_there_are_holds_and_sales_of_every_kind() -> None:
    states = dict(Hold.objects.values_list("global_id", "state"))

    assert [states[f"demo-hold-{number}"] for number in range(1, 7)] == ["held"] * 6
    assert [states[f"demo-sale-{number}"] for number in range(1, 15)] == ["invoiced"] * 14
    assert {name: states[f"demo-{name}"] for name in ("late", "lost", "overdue", "voided")} == {
        "late": "invoiced",
        "lost": "expired",
        "overdue": "held",
        "voided": "voided",
    }
    assert states["demo-released"] == states["demo-never-came"] == "released"
    assert list(Invoice.objects.filter(late=True).values_list("hold__global_id", flat=True)) == [
        "demo-late"
    ]
    assert set(OrderException.objects.open().values_list("global_id", "reason")) == {
        ("demo-late", "late_invoice"),
        ("demo-lost", "tickets_unavailable"),
    }
    assert TicketGroup.objects.sold_out().count() >= 6
    assert max(Invoice.objects.values_list("quantity", flat=True)) == 6
    assert Invoice.objects.values("order_id").distinct().count() == 17  # one order has two lines
    assert Broker.objects.get().hold_lifetime == 900


def test_one_hold_is_overdue() -> None:
    overdue = Hold.objects.get(global_id="demo-overdue")
    assert overdue.expires_at == overdue.created_at + timedelta(seconds=1)
