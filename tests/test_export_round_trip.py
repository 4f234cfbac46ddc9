"""An export that is read again changes nothing, whatever the book has."""

import io
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from inventory.models import Broker, Event, StockType, TicketGroup
from inventory.models.imports import Import, ImportState
from inventory.split_rules import SplitRule
from tests.support.exports import exported
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory
from tests.support.fixtures import Unchanged, counters_agree
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

BOOKS = Path(__file__).parent / "books"


def imported(broker: Broker, text: str, path: Path, **options: Any) -> Import:
    (path / "export.csv").write_text(text, encoding="utf-8", newline="")
    call_command(
        "import_inventory",
        *(broker.name, str(path / "export.csv")),
        stdout=io.StringIO(),
        **options,
    )
    return Import.objects.latest("id")


@pytest.fixture(scope="module")
def everything(made_once: None) -> Broker:
    """A broker with all that a database can hold, part of it held and sold."""
    broker = BrokerFactory()
    api = Api(broker)
    shows = [
        EventFactory(broker=broker, name="To be announced", date=None),
        EventFactory(broker=broker, name="Some time", date=date(2030, 5, 1)),
        EventFactory(broker=broker, name="Midnight", date=date(2030, 5, 1), time=time(0, 0)),
        EventFactory(broker=broker, name="Noon", date=date(2030, 5, 1), time=time(12, 0)),
        EventFactory(broker=broker, name="Three", date=date(2030, 5, 1), time=time(3, 0)),
        EventFactory(broker=broker, name="Late", date=date(2030, 5, 1), time=time(23, 59, 59)),
        EventFactory(broker=broker, name="Exact", date=date(2030, 5, 1), time=time(9, 5, 0, 250)),
        EventFactory(broker=broker, name="NULL", venue="null", date=date(2030, 5, 1)),
        EventFactory(broker=broker, name='=SUM("a")', venue="é 🎟️ \u200b,;", date=date(2030, 5, 1)),
        EventFactory(broker=broker, name="Over", date=date(2020, 5, 1)),
    ]
    seats: list[list[str]] = [
        *(["1", "2", "3", "4"], ["1", "3", "5"], ["A", "B", "C", "D"], ["08", "09", "10"]),
        *(["8", "7"], ["B", "A", "C"], ["7", "9", "10", "11"], ["A1", "B1", "A2"]),
        *(["Box 1", "Box 2"], ["A,1", "A;2"], ['A"1', '"', '""'], ["*"], ["N/A"], ["NULL"]),
        *(["7", "07"], ["-1", "-2"], ["=1", "+2"], ["'1"], ["a\u00a0b"], ["1-4", "5–6"]),
        *([], ["1"]),
    ]
    texts = [
        *("", "plain", 'with "quotes"', "two\nlines", "two\r\nlines", "two\rlines", "=1+1"),
        *("@x", "'quoted'", "''=x", "NULL", "null", "a,b;c\td", "é 🎟️", "N/A", "-", "'", "'NULL"),
    ]
    rules = [
        (SplitRule.ANY, []),
        (SplitRule.NONE, []),
        (SplitRule.NEVER_LEAVE_ONE, []),
        (SplitRule.PAIRS, []),
        (SplitRule.CUSTOM, [1, 3, 50]),
    ]
    prices = [Decimal(price) for price in ("0", "0.01", "40", "1600.5", "1000000")]
    remote_ids = ["007", "NULL", "+1", "=1", "'x", '"', "6.001E+08", "a,b", "-", "@", "x" * 128]
    for number in range(40):
        TicketGroupFactory(
            broker=broker,
            event=shows[number % len(shows)],
            remote_id=remote_ids[number] if number < len(remote_ids) else f"r-{number}",
            section=[text for text in texts if text and text.isprintable()][number % 12],
            row=("GA", "001", "=1", "1-2")[number % 4],
            seats=seats[number % len(seats)],
            quantity=len(seats[number % len(seats)]) or 100_000,
            split_rule=rules[number % 5][0].value,
            split_quantities=rules[number % 5][1],
            price=prices[number % 5],
            cost=(None, *prices)[number % 6],
            face_value=(None, *prices)[number % 4],
            stock_type=("", *StockType.values)[number % 8],
            in_hand_on=(None, date(2020, 1, 1), date(2030, 1, 1))[number % 3],
            public_notes=texts[number % len(texts)],
            internal_notes=texts[(number + 7) % len(texts)],
            on_sale=number % 9 != 4,
        )
    groups = list(TicketGroup.objects.filter(broker=broker, on_sale=True))
    for number, group in enumerate(groups):
        size = {"none": group.quantity, "pairs": 2, "custom": 1}.get(group.split_rule, 1)
        if number % 3 and api.hold(group, size, f"g-{number}").status_code == 201 and number % 2:
            api.invoice(f"o-{number}", f"g-{number}")
    return broker


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("available", [False, True])
@pytest.mark.parametrize("form", ["sync", "tevo"])
def test_reading_an_export_again_changes_nothing(
    everything: Broker,
    unchanged: Unchanged,
    tmp_path: Path,
    *,
    form: str,
    available: bool,
    snapshot: bool,
) -> None:
    broker = everything
    text = exported(broker, format=form, available=available)
    events = list(Event.objects.order_by("id").values())
    with unchanged():
        done = imported(
            *(broker, text, tmp_path),
            snapshot=snapshot,
            quantities="free" if available else "all",
        )
    assert list(Event.objects.order_by("id").values()) == events
    assert (done.state, done.to_apply, done.refused) == (ImportState.DONE, 0, 0)
    for_sale = TicketGroup.objects.filter(broker=broker).for_sale().count()
    assert done.unchanged == (for_sale if available else 40)
    assert 5 < for_sale < 40
    counters_agree()


FACTS = (
    *("remote_id", "section", "row", "seats", "quantity", "split_rule", "split_quantities"),
    *("price", "cost", "face_value", "stock_type", "in_hand_on", "public_notes"),
    *("internal_notes", "on_sale", "event__name", "event__venue", "event__date"),
)


def test_whole_book_makes_the_same_book_elsewhere(everything: Broker, tmp_path: Path) -> None:
    elsewhere = BrokerFactory()
    done = imported(elsewhere, exported(everything), tmp_path)
    assert (done.new, done.refused) == (40, 0)
    one, other = (
        list(TicketGroup.objects.filter(broker=each).order_by("remote_id").values(*FACTS))
        for each in (everything, elsewhere)
    )
    assert one == other
    counters_agree()


@pytest.mark.parametrize("name", ["tevo", "sync", "classic"])
def test_sample_book_goes_in_and_comes_out_the_same(
    name: str, broker: Broker, unchanged: Unchanged, tmp_path: Path
) -> None:
    call_command("import_inventory", broker.name, str(BOOKS / f"{name}.csv"), stdout=io.StringIO())
    for form in ("sync", "tevo"):
        with unchanged():
            done = imported(broker, exported(broker, format=form), tmp_path, snapshot=True)
        assert (done.format, done.unchanged, done.to_apply) == (form, 1537, 0)
