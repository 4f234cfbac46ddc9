"""Files that are older than their import: as of when they are, and what was claimed since."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError

from automator.audit import differences
from automator.management.commands.import_inventory import moment
from holds import services as holds
from holds.imports import applying
from inventory.book.date_cells import written_as_of
from inventory.models import Caller
from inventory.models.imports import Import, ImportState
from invoices import services as invoices
from invoices.models import Invoice
from tests.support.exports import exported
from tests.support.fixtures import DatabaseClock, Unchanged
from tests.support.importing import CALLER, HEADER, Book, line
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

CROWD = line("r-1", "", 10)
ROW = line("r-1", "1,2,3,4,5,6", 6)


def free_book(book: Book) -> str:
    """What is free now, as a file."""
    return exported(book.broker, available=True)


def counters(book: Book) -> tuple[int, int]:
    group = book.group("r-1")
    return group.quantity, group.free


def void(global_id: str) -> None:
    sale = Invoice.objects.get(hold__global_id=global_id)
    invoices.void(sale, reason="Never came", caller=Caller("user kim"))


@pytest.mark.parametrize("listed", [CROWD, ROW])
@pytest.mark.parametrize("snapshot", [False, True])
def test_tickets_that_are_claimed_after_an_export_are_in_it(
    book: Book, api: Api, unchanged: Unchanged, *, listed: str, snapshot: bool
) -> None:
    book.imported(listed)
    api.hold(book.group("r-1"), 1, "g-1")
    text = free_book(book)
    api.hold(book.group("r-1"), 2, "g-2")
    api.invoice("o-1", "g-1")
    with unchanged():
        done = book.read(text, quantities="free", snapshot=snapshot)
    assert (done.state, done.unchanged, done.to_apply) == (ImportState.DONE, 1, 0)


@pytest.mark.parametrize("listed", [CROWD, ROW])
@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("gone", ["released", "expired", "voided"])
def test_tickets_that_come_back_after_an_export_are_not_lost(
    book: Book,
    api: Api,
    unchanged: Unchanged,
    database_clock: DatabaseClock,
    *,
    listed: str,
    snapshot: bool,
    gone: str,
) -> None:
    book.imported(listed)
    api.hold(book.group("r-1"), 2, "g-1")
    if gone == "voided":
        api.invoice("o-1", "g-1")
    text = free_book(book)
    if gone == "released":
        api.release("g-1")
    elif gone == "expired":
        database_clock.move(api.broker.hold_lifetime)
        holds.expire(batch=10, caller=CALLER)
    else:
        void("g-1")
    with unchanged():
        done = book.read(text, quantities="free", snapshot=snapshot)
    assert (done.state, done.unchanged, done.to_apply) == (ImportState.DONE, 1, 0)
    assert book.group("r-1").held + book.group("r-1").sold == 0


def test_same_old_file_after_each_sale_adds_nothing(book: Book, api: Api) -> None:
    book.imported(CROWD)
    text = free_book(book)
    for number in range(2):
        api.hold(book.group("r-1"), 5, f"g-{number}")
        api.invoice(f"o-{number}", f"g-{number}")
        book.read(text, quantities="free")
        assert book.group("r-1").quantity == 10
    assert api.hold(book.group("r-1"), 1, "g-9").json()["code"] == "insufficient_tickets"


def test_seat_that_came_back_and_one_that_went_since_are_both_the_groups(
    book: Book, api: Api
) -> None:
    book.imported(ROW)
    api.hold(book.group("r-1"), 2, "g-1")
    text = free_book(book).replace('"40.00"', '"41.00"')
    api.hold(book.group("r-1"), 2, "g-2")
    api.release("g-1")
    book.read(text, quantities="free")
    group = book.group("r-1")
    assert (group.seats, group.free) == (["1", "2", "3", "4", "5", "6"], 4)
    assert str(group.price) == "41.00"
    assert list(differences()) == []


def test_row_of_an_old_file_with_other_changes_keeps_what_came_back(book: Book, api: Api) -> None:
    book.imported(CROWD)
    api.hold(book.group("r-1"), 4, "g-1")
    text = free_book(book).replace('"40.00"', '"41.00"').replace('"6"', '"5"')
    api.release("g-1")
    book.read(text, quantities="free")
    assert counters(book) == (9, 9)
    assert str(book.group("r-1").price) == "41.00"


@pytest.mark.parametrize("when", ["before the check", "before it is applied"])
def test_late_invoice_after_an_export_sells_tickets_that_are_in_it(
    book: Book, api: Api, database_clock: DatabaseClock, when: str
) -> None:
    book.imported(CROWD)
    api.hold(book.group("r-1"), 4, "g-1")
    database_clock.move(api.broker.hold_lifetime)
    holds.expire(batch=10, caller=CALLER)
    text = free_book(book).replace('"40.00"', '"41.00"')
    if when == "before the check":
        assert api.invoice("o-1", "g-1").json()["late"]
    checked = book.checked(*text.splitlines()[1:], header=text.splitlines()[0], quantities="free")
    if when == "before it is applied":
        assert api.invoice("o-1", "g-1").json()["late"]
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied, done.refused) == (ImportState.DONE, 1, 0)
    assert counters(book) == (10, 6)


def test_claim_that_ran_out_and_was_invoiced_late_since_is_as_it_was(
    book: Book, api: Api, unchanged: Unchanged, database_clock: DatabaseClock
) -> None:
    book.imported(ROW)
    api.hold(book.group("r-1"), 2, "g-1")
    text = free_book(book)
    database_clock.move(api.broker.hold_lifetime)
    holds.expire(batch=10, caller=CALLER)
    api.hold(book.group("r-1"), 2, "g-2")
    assert api.invoice("o-1", "g-1").json()["seats"] == ["3", "4"]
    with unchanged():
        assert book.read(text, quantities="free").unchanged == 1


def test_group_with_nothing_free_at_its_moment_does_not_vanish_from_an_old_snapshot(
    book: Book, api: Api, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    api.hold(book.group("r-1"), 4, "g-1")
    text = free_book(book)
    api.release("g-1")
    gone = "\n".join(one for one in text.splitlines() if '"r-3"' not in one) + "\n"
    with unchanged():
        done = book.read(text, quantities="free", snapshot=True)
        assert (done.vanished, done.unchanged) == (0, 2)
    book.read(gone, quantities="free", snapshot=True)
    assert [book.group(f"r-{number}").listed for number in (1, 2, 3)] == [True, True, False]


HEADER_WITH_MOMENT = f"{HEADER},as of"


@pytest.mark.parametrize("stamp", ["column", "option", "file"])
def test_moment_is_what_somebody_the_file_or_its_last_change_says(
    book: Book, api: Api, unchanged: Unchanged, stamp: str
) -> None:
    book.imported(CROWD)
    at = datetime.now(UTC)
    api.hold(book.group("r-1"), 4, "g-1")
    text = f"{HEADER}\n{CROWD.replace('40.00', '40.0')}\n"
    options = {"as_of": at} if stamp == "option" else {}
    if stamp == "column":
        text = f"{HEADER_WITH_MOMENT}\n{CROWD},{written_as_of(at)}\n"
    if stamp == "file":
        book.written = at
    with unchanged():
        done = book.read(text, quantities="free", **options)
    assert done.unchanged == 1
    assert done.as_of == at


def test_earliest_of_several_moments_counts_and_the_option_before_all(book: Book) -> None:
    first = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    rows = [f"{line(f'r-{n}')},{written_as_of(first + timedelta(n))}" for n in (2, 0, 1)]
    done = book.imported(*rows, line("r-3") + ",", header=HEADER_WITH_MOMENT)
    assert (done.as_of, done.new) == (first, 4)
    later = first + timedelta(days=9)
    assert book.imported(*rows, header=HEADER_WITH_MOMENT, as_of=later).as_of == later


@pytest.mark.parametrize("cell", ["11/23/2026 18:04", "yesterday", "2026-13-01 00:00:00 UTC"])
def test_moment_that_cannot_be_read_refuses_its_row(book: Book, cell: str) -> None:
    done = book.imported(f"{line('r-1')},{cell}", f"{line('r-2')},", header=HEADER_WITH_MOMENT)
    assert (done.refused, done.new) == (1, 1)
    assert "must be a moment such as 2026-11-23 18:04:05 UTC" in book.err.getvalue()


@pytest.mark.parametrize(("days", "said"), [(1, "in the future"), (-20_000, "cannot be meant")])
@pytest.mark.parametrize("stamp", ["column", "option", "file"])
def test_moment_in_the_future_or_long_ago_is_refused(
    book: Book, unchanged: Unchanged, *, days: int, said: str, stamp: str
) -> None:
    at = datetime.now(UTC) + timedelta(days)
    options = {"as_of": at} if stamp == "option" else {}
    text = f"{HEADER}\n{CROWD}\n"
    if stamp == "column":
        text = f"{HEADER_WITH_MOMENT}\n{CROWD},{written_as_of(at)}\n"
    if stamp == "file":
        book.written = at
    with unchanged(), pytest.raises(CommandError, match=said):
        book.read(text, quantities="free", **options)
    assert f"{at:%Y-%m-%d %H:%M:%S} UTC" in Import.objects.get().problem


def test_clock_of_another_machine_may_be_a_little_ahead(book: Book) -> None:
    book.written = datetime.now(UTC) + timedelta(seconds=30)
    done = book.read(f"{HEADER}\n{CROWD}\n", quantities="free")
    assert done.as_of == done.started_at


def test_date_of_a_file_does_not_matter_where_all_tickets_are_in_it(book: Book) -> None:
    book.written = datetime(1980, 1, 1, tzinfo=UTC)
    done = book.read(f"{HEADER}\n{CROWD}\n")
    assert (done.as_of, done.new) == (done.started_at, 1)


def test_option_takes_a_moment_and_nothing_else(book: Book) -> None:
    for text in ("2026-11-23T18:04:05Z", "2026-11-23 18:04:05 UTC", "2026-11-23 18:04:05"):
        assert moment(text) == datetime(2026, 11, 23, 18, 4, 5, tzinfo=UTC)
    for text in ("", "now", "2026-13-01T00:00:00Z"):
        with pytest.raises(Exception, match="is not a time such as"):
            moment(text)


def test_same_file_again_says_so_and_is_no_error(book: Book) -> None:
    first = book.imported(CROWD)
    assert "same file" not in book.out.getvalue()
    again = book.imported(CROWD)
    when = f"{first.started_at:%Y-%m-%d %H:%M:%S} UTC"
    said = f"This is the same file as the import of {when}, which was applied."
    assert said in book.out.getvalue()
    assert (again.sha256, again.state) == (first.sha256, ImportState.DONE)
    for options in ({"quantities": "free"}, {"snapshot": True}):
        book.imported(CROWD, **options)
        assert "same file" not in book.out.getvalue()
    book.imported(line("r-1", "", 11), dry_run=True, confirm=True)
    book.imported(line("r-1", "", 11), confirm=True)
    assert "same file" not in book.out.getvalue()


def test_same_file_again_adds_nothing_though_it_was_copied_and_somebody_says_yes(
    book: Book, api: Api
) -> None:
    book.imported(CROWD, quantities="free")
    for number in range(2):
        api.hold(book.group("r-1"), 5, f"g-{number}")
        done = book.imported(CROWD, quantities="free", confirm=True)
        assert "same file" in book.out.getvalue()
        assert done.as_of == Import.objects.earliest("id").as_of
        assert book.group("r-1").quantity == 10


def test_export_says_as_of_when_it_is(book: Book, database_clock: DatabaseClock) -> None:
    book.imported(CROWD)
    now = datetime(2026, 11, 23, 18, 4, 5, 123_456, tzinfo=UTC)
    database_clock.stop(now)
    for form in ("sync", "tevo"):
        for available in (False, True):
            text = exported(book.broker, format=form, available=available)
            assert text.endswith(',"2026-11-23 18:04:05.123456 UTC"\n')
    os.utime(book.path, (0, 0))
    assert book.read(exported(book.broker)).as_of == now
