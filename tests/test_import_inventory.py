"""Imports: a book goes in, claims stay, and what is not listed is not free."""

import threading
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from automator.audit import differences
from holds.imports import applying, checking
from holds.models import Hold
from inventory.models import Broker, Caller, Event, LedgerEntry, TicketGroup
from inventory.models.imports import Import, ImportState, Verdict
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import Unchanged
from tests.support.importing import HEADER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

BOOKS = Path(__file__).parent / "books"


@pytest.mark.parametrize("name", ["tevo", "sync", "classic"])
def test_book_goes_in_and_the_second_time_changes_nothing(
    name: str, broker: Broker, unchanged: Unchanged
) -> None:
    out = StringIO()
    call_command("import_inventory", broker.name, str(BOOKS / f"{name}.csv"), stdout=out)
    first = Import.objects.latest("id")
    assert (first.new, first.changed, first.refused) == (1537, 0, 0)
    assert TicketGroup.objects.filter(broker=broker).count() == 1537
    assert list(differences()) == []
    with unchanged():
        call_command(
            "import_inventory", broker.name, str(BOOKS / f"{name}.csv"), snapshot=True, stdout=out
        )
    second = Import.objects.latest("id")
    assert (second.unchanged, second.to_apply, second.state) == (1537, 0, ImportState.DONE)


def test_row_becomes_a_group_that_can_be_sold(book: Book, api: Api) -> None:
    book.imported(line("r-1", price='"$1,600.00"'))
    group = book.group("r-1")
    assert (group.section, group.row, group.seats) == ("211", "7", ["1", "2", "3", "4"])
    assert (str(group.price), str(group.event)) == ("1600.00", "Wicked, Sat May 1, 2027, 7:30 PM")
    assert api.hold(group, 2, "g-1").status_code == 201
    entry = LedgerEntry.objects.get(group=group, number=1)
    assert (entry.effect, entry.tickets, entry.asked_by) == (
        *("stocked", 4),
        "command import_inventory",
    )


def test_change_is_written_and_only_where_something_changes(book: Book) -> None:
    book.imported(line("r-1"), line("r-2"))
    done = book.imported(line("r-1"), line("r-2", "1,2", 2, price="55.00", section="212"))
    assert (done.unchanged, done.changed, done.applied) == (1, 1, 1)
    group = book.group("r-2")
    assert (group.seats, group.quantity, str(group.price)) == (["1", "2"], 2, "55.00")
    assert group.section == "212"
    assert [entry.tickets for entry in group.ledger.order_by("number")] == [4, -2]
    assert "section 211 → 212" in book.out.getvalue()
    assert list(differences()) == []


def test_claimed_seats_stay_whether_the_file_lists_them_or_not(book: Book, api: Api) -> None:
    book.imported(line("r-1", "3,4,5,6"))
    api.hold(book.group("r-1"), 2, "g-1")
    api.hold(book.group("r-1"), 2, "g-2")
    api.invoice("o-1", "g-2")
    book.imported(line("r-1", "1,2", 2), confirm=True)
    group = book.group("r-1")
    assert group.seats == ["1", "2", "3", "4", "5", "6"]
    assert (group.free, group.held, group.sold) == (2, 2, 2)
    assert Hold.objects.get(global_id="g-1").range == range(2, 4)
    assert Hold.objects.get(global_id="g-2").range == range(4, 6)
    assert api.hold(group, 2, "g-3").json()["seats"] == ["1", "2"]
    assert list(differences()) == []


def test_file_that_lists_only_free_seats_changes_nothing(
    book: Book, api: Api, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"))
    api.hold(book.group("r-1"), 2, "g-1")
    with unchanged():
        done = book.imported(line("r-1", "3,4", 2))
    assert done.unchanged == 1


def test_nothing_is_free_that_the_file_does_not_list(book: Book, api: Api) -> None:
    book.imported(line("r-1", "1,2,3,4,5,6", 6))
    api.hold(book.group("r-1"), 2, "g-1")
    book.imported(line("r-1", "5,6", 2))
    api.release("g-1")
    assert book.group("r-1").seats == ["1", "2", "5", "6"]
    book.imported(line("r-1", "5,6", 2))
    assert book.group("r-1").seats == ["5", "6"]


@pytest.mark.parametrize(("quantities", "total"), [("all", 5), ("free", 7)])
def test_quantity_without_seats_counts_all_tickets_or_the_free_ones(
    book: Book, api: Api, quantities: str, total: int
) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 2, "g-1")
    book.imported(line("r-1", "", 5), quantities=quantities)
    group = book.group("r-1")
    assert (group.quantity, group.held, group.free) == (total, 2, total - 2)
    assert list(differences()) == []


def test_quantity_never_falls_below_what_is_claimed(book: Book, api: Api) -> None:
    book.imported(line("r-1", "", 10))
    api.hold(book.group("r-1"), 6, "g-1")
    book.imported(line("r-1", "", 5))
    group = book.group("r-1")
    assert (group.quantity, group.free) == (6, 0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (line("r-1", section="212"), "would change under the claim g-1"),
        (line("r-1", event="Hamilton"), "would change under the claim g-1"),
        (line("r-1", date="2027-05-02T19:30:00"), "would change under the claim g-1"),
        (line("r-1", "2,3,4", 3), "tear them apart"),
        (line("r-1", "", 4), "cannot become general admission"),
    ],
)
def test_contradiction_is_refused_by_name_and_the_rest_goes_in(
    book: Book, api: Api, changed: str, reason: str
) -> None:
    odd = "1,3"
    book.imported(line("r-1", odd, 2), line("r-2"))
    api.hold(book.group("r-1"), 2, "g-1")
    done = book.imported(changed, line("r-2", price="50.00"))
    assert (done.refused, done.applied) == (1, 1)
    assert reason in book.err.getvalue()
    assert "g-1" in book.err.getvalue()
    assert book.group("r-1").seats == ["1", "3"]
    assert str(book.group("r-2").price) == "50.00"
    (row,) = done.rows.all()
    assert (row.verdict, row.remote_id) == (Verdict.REFUSED, "r-1")


def test_refused_rows_do_not_stop_the_rest(book: Book) -> None:
    done = book.imported(line("r-1", quantity=3), line("r-2"), line("r-2"), line("bad id"))
    assert (done.new, done.refused) == (1, 3)
    assert [row.line for row in done.rows.all()] == [2, 4, 5]
    assert "line 2:" in book.err.getvalue()


def test_strict_refuses_all_for_one(book: Book, unchanged: Unchanged) -> None:
    with unchanged():
        said = book.refused(line("r-1", quantity=3), line("r-2"), strict=True)
    assert "Rows refused: 1. All or nothing was asked for." in said
    assert [row.line for row in Import.objects.get().rows.all()] == [2]


def test_dry_run_tells_and_changes_nothing(book: Book, unchanged: Unchanged) -> None:
    book.imported(line("r-1"))
    with unchanged():
        done = book.imported(line("r-1", price="1.00"), line("r-2"), dry_run=True)
    assert (done.new, done.changed, done.state) == (1, 1, ImportState.DRY_RUN)
    assert "price 40.00 USD → 1.00 USD" in book.out.getvalue()
    assert not Event.objects.filter(broker=book.broker).exclude(name="Wicked").exists()


def test_what_staff_took_off_sale_stays_so(book: Book) -> None:
    book.imported(line("r-1"))
    TicketGroup.objects.update(on_sale=False)
    book.imported(line("r-1", price="1.00"), snapshot=True)
    assert not book.group("r-1").on_sale


def test_file_that_cannot_be_read_is_refused_as_a_whole(book: Book, unchanged: Unchanged) -> None:
    with unchanged():
        assert "list_price" in book.refused(header=HEADER.replace(",list_price", ""))
        assert book.refused('r-1,"cut in the middle')
    assert Import.objects.count() == 2


def test_event_that_was_to_be_announced_is_the_same_once_it_is(book: Book, api: Api) -> None:
    book.imported(line("r-1", date="2027-05-01"))
    api.hold(book.group("r-1"), 2, "g-1")
    assert book.group("r-1").event.time is None
    book.imported(line("r-1", date="2027-05-01T20:00:00"))
    (event,) = Event.objects.filter(broker=book.broker)
    assert str(event.time) == "20:00:00"
    book.imported(line("r-1", date="2027-05-01"))
    assert book.group("r-1").event == event


def test_other_brokers_group_of_the_same_remote_id_is_not_touched(book: Book) -> None:
    other = TicketGroupFactory(remote_id="r-1", broker=BrokerFactory())
    theirs = TicketGroup.objects.filter(broker=other.broker)
    was = theirs.values().get()
    for price in ("50.00", "60.00"):
        book.imported(line("r-1", price=price), snapshot=True)
        assert book.prices() == [price]
    assert theirs.values().get() == was
    assert LedgerEntry.objects.filter(group=other).count() == 1


def test_other_brokers_hold_of_the_same_global_id_is_not_moved(book: Book, api: Api) -> None:
    other = TicketGroupFactory(broker=BrokerFactory())
    Api(other.broker).hold(other, 2, "g-1")
    book.imported(line("r-1", "3,4,5,6"))
    api.hold(book.group("r-1"), 2, "g-1")
    book.imported(line("r-1", "1,2", 2))
    ranges = {hold.group_id: hold.range for hold in Hold.objects.filter(global_id="g-1")}
    assert ranges == {other.id: range(2), book.group("r-1").id: range(2, 4)}


def test_file_with_no_rows_is_refused(book: Book, unchanged: Unchanged) -> None:
    book.imported(line("r-1"))
    with unchanged():
        assert book.refused() == "The file has no rows. Nothing was changed."


def test_unknown_broker_is_named(book: Book) -> None:
    with pytest.raises(CommandError, match="There is no broker named 'Nobody'"):
        call_command("import_inventory", "Nobody", str(BOOKS / "tevo.csv"))


def test_import_that_was_stopped_says_how_far_it_came_and_goes_on(broker: Broker) -> None:
    caller = Caller("command import_inventory")
    with (BOOKS / "sync.csv").open("rb") as stream:
        checked = checking.check(stream, broker=broker, file_name="sync.csv", asked_by=caller.name)
    stopped = applying.apply(checked, caller=caller, seconds=0)
    assert (stopped.state, stopped.applied) == (ImportState.APPLYING, 0)
    done = applying.apply(stopped, caller=caller)
    assert (done.state, done.applied) == (ImportState.DONE, 1537)


def trade(api: Api, groups: list[TicketGroup], caller: int, failures: list[object]) -> None:
    """Hold, release and invoice in a thread of its own; what goes wrong ends in `failures`."""
    try:
        for turn in range(25):
            global_id = f"g-{caller}-{turn}"
            held = api.hold(groups[(caller * 5 + turn) % len(groups)], 1 + turn % 2, global_id)
            if held.status_code == 201 and turn % 3:
                api.release(global_id)
            elif held.status_code == 201:
                api.invoice(f"o-{global_id}", global_id)
            elif held.status_code != 409:
                failures.append(held.content)
    except Exception as error:  # noqa: BLE001  an assertion in a thread is seen nowhere else
        failures.append(error)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_imports_in_a_storm_of_calls_leave_good_books(book: Book, api: Api) -> None:
    ids = [f"r-{number}" for number in range(12)]
    books = [
        [line(remote_id, "1,2,3,4,5,6", 6) for remote_id in ids],
        [line(remote_id, "3,4,5,6,7,8", 6, price="50.00") for remote_id in ids],
    ]
    book.imported(*books[0])
    groups = [book.group(remote_id) for remote_id in ids]
    failures: list[object] = []
    callers = [
        threading.Thread(target=trade, args=(api, groups, number, failures)) for number in range(4)
    ]
    for each in callers:
        each.start()
    while any(each.is_alive() for each in callers):
        for lines in books:
            book.imported(*lines, confirm=True)
    assert failures == []
    assert list(differences()) == []
