"""Exports: what is in the book, or really for sale, in the field's shapes."""

import csv
import io
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from holds import export
from holds.export import Export
from inventory.models import Broker, Caller, StockType, TicketGroup
from inventory.split_rules import SplitRule
from invoices import services as invoices
from invoices.models import Invoice
from tests.support.exports import exported
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock
from tests.support.marketplace import Api
from tests.support.rivals import before, database_url

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parent.parent


def rows(broker: Broker, **options: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(broker, **options), newline="")))


@pytest.fixture
def hamilton(broker: Broker) -> TicketGroup:
    return TicketGroupFactory(
        broker=broker,
        event=EventFactory(
            broker=broker,
            name='Hamilton "live"',
            venue="Richard Rodgers Theatre",
            date=date(2030, 2, 27),
            time=time(19, 30),
        ),
        remote_id="600100000",
        section="Mezz, Center",
        row="BB",
        seats=["7", "8", "9", "10"],
        split_rule=SplitRule.CUSTOM.value,
        split_quantities=[2, 4],
        price=Decimal("1422.46"),
        cost=Decimal("320.38"),
        face_value=Decimal(199),
        stock_type=StockType.MOBILE_TRANSFER.value,
        in_hand_on=date(2030, 2, 20),
        public_notes="Aisle",
        internal_notes="Consigned",
    )


@pytest.fixture
def stopped_clock(database_clock: DatabaseClock) -> None:
    database_clock.stop(datetime(2026, 11, 23, 18, 4, 5, 6, tzinfo=UTC))


def test_sync_file_says_all_there_is(
    broker: Broker, hamilton: TicketGroup, stopped_clock: None
) -> None:
    assert exported(broker) == (
        '"inventory_id","event_name","venue_name","event_date","event_time","quantity","section",'
        '"row","seats","internal_notes","public_notes","list_price","face_price","cost","in_hand",'
        '"in_hand_date","split_type","custom_split","stock_type","broadcast","as_of"\n'
        '"600100000","Hamilton ""live""","Richard Rodgers Theatre","2030-02-27T19:30:00",'
        '"19:30:00","4","Mezz, Center","BB","7,8,9,10","Consigned","Aisle","1422.46","199.00",'
        '"320.38","N","2030-02-20","CUSTOM","2,4","MOBILE_TRANSFER","Y",'
        '"2026-11-23 18:04:05.000006 UTC"\n'
    )


def test_tevo_file_is_as_tevo_reads_it(
    broker: Broker, hamilton: TicketGroup, stopped_clock: None
) -> None:
    assert exported(broker, format="tevo") == (
        '"Event","Venue","EventDate","EventTime","Quantity","Section","Row","SeatFrom","SeatThru",'
        '"Notes","Cost","TicketID","Seats","AsOf"\n'
        '"Hamilton ""live""","Richard Rodgers Theatre","02/27/2030","7:30PM","4","Mezz, Center",'
        '"BB","7","10","Aisle","1422.46","600100000","7,8,9,10","2026-11-23 18:04:05.000006 UTC"\n'
    )


def test_what_is_held_and_sold_is_not_available(api: Api, group: TicketGroup) -> None:
    api.hold(group, 2, "g-1")
    api.hold(group, 1, "g-2")
    api.invoice("o-1", "g-2")
    crowd = TicketGroupFactory(broker=group.broker, seats=[], quantity=10)
    api.hold(crowd, 4, "g-3")
    sizes = {row["inventory_id"]: row for row in rows(group.broker, available=True)}
    assert (sizes[group.remote_id]["quantity"], sizes[group.remote_id]["seats"]) == (
        "3",
        "10,11,12",
    )
    assert (sizes[crowd.remote_id]["quantity"], sizes[crowd.remote_id]["seats"]) == ("6", "")
    whole = {row["inventory_id"]: row for row in rows(group.broker)}
    assert whole[group.remote_id]["seats"] == "7,8,9,10,11,12"
    assert whole[crowd.remote_id]["quantity"] == "10"


@pytest.mark.parametrize(
    ("state", "free"),
    [
        ("held", "4"),
        ("overdue", "4"),
        ("expired", "6"),
        ("released", "6"),
        ("invoiced", "4"),
        ("voided", "6"),
    ],
)
def test_what_is_available_follows_each_state_of_a_hold(
    bring_to: BringTo, state: str, free: str
) -> None:
    group = bring_to(state)
    (row,) = rows(group.broker, available=True)
    assert row["quantity"] == free
    assert len(row["seats"].split(",")) == int(free)


def test_what_cannot_be_bought_now_is_not_available(api: Api, broker: Broker) -> None:
    there = TicketGroupFactory(broker=broker, remote_id="there")
    TicketGroupFactory(broker=broker, remote_id="off-sale", on_sale=False)
    gone = TicketGroupFactory(broker=broker, remote_id="vanished")
    TicketGroup.objects.filter(pk=gone.pk).update(listed=False)
    over = EventFactory(broker=broker, date=date(2020, 1, 1))
    TicketGroupFactory(broker=broker, remote_id="past", event=over)
    full = TicketGroupFactory(broker=broker, remote_id="full", seats=["1", "2"])
    assert api.hold(full, 2, "g-1").status_code == 201
    api.hold(TicketGroupFactory(broker=broker, remote_id="empty"), 6, "g-2")
    api.invoice("o-2", "g-2")
    lost = Invoice.objects.get(order_id="o-2")
    invoices.void(lost, reason="Lost", back_to_stock=False, caller=Caller("user staff"))
    assert [row["inventory_id"] for row in rows(broker, available=True)] == [there.remote_id]
    whole = {row["inventory_id"]: row["broadcast"] for row in rows(broker)}
    assert whole == {"there": "Y", "off-sale": "N", "past": "Y", "full": "Y"}


@pytest.mark.parametrize("form", ["sync", "tevo"])
def test_others_are_not_told_what_only_the_broker_may_know(
    broker: Broker, hamilton: TicketGroup, form: str
) -> None:
    text = exported(broker, available=True, format=form)
    assert "1422.46" in text
    for secret in ("320.38", "Consigned", "internal", "broadcast"):
        assert secret not in text


def test_other_brokers_groups_are_not_in_it(broker: Broker, hamilton: TicketGroup) -> None:
    other = TicketGroupFactory(broker=BrokerFactory(), remote_id="omega", section="omega")
    Api(other.broker).hold(other, 2, "g-1")
    for options in ({}, {"available": True}, {"format": "tevo"}):
        text = exported(broker, **options)
        assert ("omega" in text, "600100000" in text) == (False, True)


def test_formulas_are_shown_and_not_run(broker: Broker) -> None:
    event = EventFactory(broker=broker, name="=1+1", venue="@home")
    TicketGroupFactory(
        broker=broker,
        event=event,
        remote_id="+1",
        section="-5",
        row="=A1",
        public_notes="\t=cmd",
        internal_notes='=HYPERLINK("x")',
        seats=["-1", "-2"],
    )
    for form in ("sync", "tevo"):
        for available in (False, True):
            (row,) = rows(broker, format=form, available=available)
            assert [cell for cell in row.values() if cell[:1] in {*"=+-@\t\r"}] == []
    (row,) = rows(broker)
    assert (row["inventory_id"], row["event_name"]) == ("'+1", "'=1+1")


@pytest.mark.parametrize(
    ("seats", "first", "last"),
    [
        (["7", "8", "9"], "7", "9"),
        (["7", "9", "11"], "7", "11"),
        (["08", "09", "10"], "08", "10"),
        (["7"], "7", "7"),
        (["A1", "A2"], "A1", "A2"),
        (["7", "8", "10"], "", ""),
        (["A", "B", "C"], "", ""),
        (["8", "7"], "", ""),
    ],
)
def test_tevo_from_and_thru_say_exactly_the_seats_or_nothing(
    broker: Broker, seats: list[str], first: str, last: str
) -> None:
    TicketGroupFactory(broker=broker, seats=seats)
    (row,) = rows(broker, format="tevo")
    assert (row["SeatFrom"], row["SeatThru"]) == (first, last)
    plain = row["Seats"].replace('"', "").split(",")
    assert plain == seats


@pytest.mark.parametrize("form", ["sync", "tevo"])
@pytest.mark.parametrize("available", [False, True])
def test_export_reads_one_moment_however_much_there_is(
    broker: Broker, form: str, available: bool
) -> None:
    def statements() -> int:
        book = Export(broker, format=form, available=available, today=date(2026, 11, 23))
        with CaptureQueriesContext(
            connection,
        ) as seen:
            "".join(book)
        reads = [query["sql"] for query in seen if "inventory_ticketgroup g" in query["sql"]]
        assert len(reads) == 1
        return len(seen)

    TicketGroupFactory(broker=broker)
    once = statements()
    for _ in range(3):
        TicketGroupFactory(broker=broker)
    assert statements() == once <= 4


def test_empty_book_is_its_header(broker: Broker) -> None:
    assert exported(broker, format="tevo") == (
        '"Event","Venue","EventDate","EventTime","Quantity","Section","Row","SeatFrom","SeatThru",'
        '"Notes","Cost","TicketID","Seats","AsOf"\n'
    )


def test_file_is_whole_or_not_there(
    broker: Broker, hamilton: TicketGroup, stopped_clock: None, tmp_path: Path
) -> None:
    err = io.StringIO()
    call_command(
        *("export_inventory", broker.name),
        output=tmp_path / "book.csv",
        stdout=io.StringIO(),
        stderr=err,
    )
    assert (tmp_path / "book.csv").read_bytes().decode() == exported(broker)
    assert [path.name for path in tmp_path.iterdir()] == ["book.csv"]
    assert err.getvalue() == "sync: 1 ticket groups in the book, 4 tickets.\n"


def test_export_that_fails_half_way_leaves_the_former_file_alone(
    broker: Broker, hamilton: TicketGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.csv").write_text("former")

    def lost() -> None:
        raise OperationalError

    before(monkeypatch, export, "Row", lost)
    with pytest.raises(OperationalError):
        call_command("export_inventory", broker.name, output=tmp_path / "book.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["book.csv"]
    assert (tmp_path / "book.csv").read_text() == "former"


def test_file_that_cannot_be_written_is_named(broker: Broker, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "book.csv"
    with pytest.raises(CommandError, match=r"book\.csv cannot be written: No such file"):
        call_command("export_inventory", broker.name, output=nowhere)


def test_free_seats_stand_in_the_order_of_the_group(broker: Broker, api: Api) -> None:
    group = TicketGroupFactory(broker=broker, seats=["8", "9", "10", "11"])
    api.hold(group, 1, "g-1")
    (row,) = rows(broker, available=True)
    assert row["seats"] == "9,10,11"


def test_unknown_broker_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="There is no broker named 'Nobody'"):
        call_command("export_inventory", "Nobody")


@pytest.mark.django_db(transaction=True)
def test_transaction_ends_with_a_reader_who_goes_away(
    broker: Broker, hamilton: TicketGroup
) -> None:
    book = iter(Export(broker, format="sync", available=False, today=date(2026, 11, 23)))
    assert "600100000" in next(book)
    assert connection.in_atomic_block
    book.close()
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_command_gives_the_file_alone_on_standard_output(
    broker: Broker, hamilton: TicketGroup
) -> None:
    TicketGroup.objects.update(public_notes="é")
    done = subprocess.run(
        [sys.executable, "manage.py", "export_inventory", broker.name],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    moment = re.compile(r"[0-9 :.-]{26} UTC")
    assert moment.sub("", done.stdout.decode()) == moment.sub("", exported(broker))
    assert done.stderr == b"sync: 1 ticket groups in the book, 4 tickets.\n"


@pytest.mark.django_db(transaction=True)
def test_command_whose_reader_is_gone_says_so_in_a_line(
    broker: Broker, hamilton: TicketGroup
) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "manage.py", "export_inventory", broker.name],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    assert done.stderr == b"CommandError: The reader of standard output closed it.\n"
    assert done.returncode == 1
