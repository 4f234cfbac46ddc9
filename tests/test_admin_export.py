"""Exports as downloads from the list of ticket groups, each user's own book."""

import csv
import io
import re
from html import unescape
from urllib.parse import urljoin

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from automator.models import User
from holds.export import Export
from inventory.models import Broker, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory, UserFactory
from tests.support.fixtures import DatabaseClock
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of
from tests.support.two_brokers import broker_with_rows

pytestmark = pytest.mark.django_db

EXPORT = "/admin/inventory/ticketgroup/export/"
LIST = "/admin/inventory/ticketgroup/"


@pytest.fixture
def staff(db: None) -> Staff:
    """A user of the broker alpha; there is the broker omega too."""
    broker_with_rows("alpha")
    broker_with_rows("omega")
    return Staff(User.objects.get(username="alpha-user"))


@pytest.fixture
def boss(staff: Staff) -> Staff:
    return Staff(UserFactory(whole=True))


def buttons(staff: Staff, path: str = LIST) -> dict[str, str]:
    """The addresses of the buttons above the list, by what they say."""
    found = re.findall(r'<li><a href="([^"]+)">(Export [^<]+)</a></li>', staff.page(path))
    return {name: urljoin(path, unescape(address)) for address, name in found}


def downloaded(staff: Staff, address: str) -> tuple[str, str]:
    """The name of a file and what is in it."""
    answer = staff.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.streaming
    name = re.fullmatch(r'attachment; filename="(.+)"', answer["Content-Disposition"])
    assert name
    return name[1], answer.getvalue().decode()


def test_buttons_give_the_own_book_at_once(staff: Staff, database_clock: DatabaseClock) -> None:
    database_clock.stop(timezone.now())
    there = buttons(staff)
    assert list(there) == ["Export available", "Export for TEvo", "Export all"]
    broker = Broker.objects.get(name="alpha Tickets")
    today = timezone.localdate()
    for name, which, form in (
        ("Export available", "available", "sync"),
        ("Export for TEvo", "available", "tevo"),
        ("Export all", "all", "sync"),
    ):
        file_name, text = downloaded(staff, there[name])
        of = "tevo-" if form == "tevo" else ""
        assert file_name == f"alpha-tickets-{which}-{of}{today}.csv"
        available = which == "available"
        assert text == "".join(Export(broker, format=form, available=available, today=today))
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["Quantity" if form == "tevo" else "quantity"] == ("2" if available else "6")


@pytest.mark.parametrize("which", ["available", "all"])
@pytest.mark.parametrize("form", ["sync", "tevo"])
def test_user_of_a_broker_gets_no_other_book_however_asked(
    staff: Staff, which: str, form: str
) -> None:
    omega = Broker.objects.get(name="omega Tickets")
    for more in ("", f"&broker={omega.pk}"):
        name, text = downloaded(staff, f"{EXPORT}?which={which}&format={form}{more}")
        assert "alpha-r" in text
        assert "omega" not in name + text


def test_superuser_says_which_broker(boss: Staff) -> None:
    page = boss.page(buttons(boss)["Export all"])
    assert "Export a book" in page
    assert "errorlist" not in page
    assert re.search(r'<option value="all" selected>', page)
    for name in ("alpha", "omega"):
        broker = Broker.objects.get(name=f"{name} Tickets")
        assert f'<option value="{broker.pk}">{broker}</option>' in page
        _, text = downloaded(boss, f"{EXPORT}?broker={broker.pk}&which=all&format=sync")
        assert (f"{name}-r" in text, len(text.splitlines())) == (True, 2)


def test_only_broker_there_is_needs_no_choice(db: None) -> None:
    broker = BrokerFactory()
    page = Staff(UserFactory(whole=True)).page(EXPORT)
    assert f'<option value="{broker.pk}" selected>{broker}</option>' in page


def test_list_of_one_broker_exports_that_one(boss: Staff) -> None:
    broker = Broker.objects.get(name="omega Tickets")
    for address in buttons(boss, f"{LIST}?broker__id__exact={broker.pk}").values():
        name, text = downloaded(boss, address)
        assert name.startswith("omega-tickets-")
        assert "alpha" not in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?broker=999999", "That choice is not one of the available choices."),
        ("?broker=x%00", "Null characters are not allowed."),
        ("?which=half&broker={}", "half is not one of the available choices."),
        ("?format=xlsx&broker={}", "xlsx is not one of the available choices."),
    ],
)
def test_what_there_is_not_is_asked_again(boss: Staff, query: str, said: str) -> None:
    broker = Broker.objects.get(name="alpha Tickets")
    assert said in boss.page(EXPORT + query.format(broker.pk))


def test_who_has_no_broker_gets_nothing(staff: Staff) -> None:
    assert Staff(UserFactory(broker=None)).get(EXPORT).status_code == 403
    anybody = Staff(UserFactory(is_staff=False)).get(EXPORT)
    assert (anybody.status_code, anybody["Location"]) == (
        302,
        f"{reverse('admin:login')}?next={EXPORT}",
    )


def test_export_is_a_page_and_no_group(staff: Staff) -> None:
    assert reverse("admin:inventory_ticketgroup_export") == EXPORT
    assert staff.post(EXPORT).status_code == 405
    assert page_of(TicketGroup) == LIST


@pytest.mark.django_db(transaction=True)
def test_reader_who_goes_away_leaves_no_transaction_open() -> None:
    broker = BrokerFactory()
    group = TicketGroupFactory(broker=broker)
    staff = Staff(UserFactory(broker=broker))
    answer = staff.get(f"{EXPORT}?which=all")
    assert group.remote_id in next(iter(answer)).decode()
    assert connection.in_atomic_block
    answer.close()
    assert not connection.in_atomic_block
    assert Api(broker).hold(group, 2, "g-1").status_code == 201
