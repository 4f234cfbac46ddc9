"""Imports that meet: a newer book ends an older one, and two appliers share the work."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from automator.management.commands.import_inventory import Command
from holds.imports import applying, existing_groups, new_groups
from inventory.models import Event, LedgerEntry, TicketGroup
from inventory.models.imports import Import, ImportState, Verdict
from inventory.transactions import TIME_LIMITS
from tests.support.factories import BrokerFactory
from tests.support.fixtures import Unchanged
from tests.support.importing import CALLER, Book, line
from tests.support.rivals import Rivals, before, outsider

pytestmark = pytest.mark.django_db


def again(one: Import) -> Import:
    return Import.objects.get(id=one.id)


@pytest.mark.parametrize("state", [ImportState.CHECKED, ImportState.CONFIRM, ImportState.APPLYING])
def test_newer_book_ends_an_older_one(book: Book, state: ImportState) -> None:
    older = book.checked(line("r-1"), line("bad id"))
    Import.objects.update(state=state)
    newer = book.checked(line("r-1", price="50.00"))
    ended = again(older)
    assert (ended.state, newer.state) == (ImportState.SUPERSEDED, ImportState.CHECKED)
    assert ended.finished_at
    assert [row.verdict for row in ended.rows.all()] == [Verdict.REFUSED]
    assert newer.rows.get().verdict == Verdict.NEW


def test_old_preview_is_not_applied_over_a_newer_book(book: Book, unchanged: Unchanged) -> None:
    book.imported(line("r-1"))
    older = book.checked(line("r-1", price="50.00"))
    book.imported(line("r-1", price="60.00"))
    with unchanged():
        applying.apply(older, caller=CALLER)
    assert older.state == ImportState.SUPERSEDED
    assert book.prices() == ["60.00"]


def test_applier_notices_a_newer_book_and_ends(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_groups, "NEW_AT_ONCE", 1)

    def newer_comes(self: Command, stage: str, done: int, total: int) -> None:
        if stage == "applying" and done == 1:
            book.checked(line("r-1", price="60.00"))

    monkeypatch.setattr(Command, "progress", newer_comes)
    with pytest.raises(CommandError, match=r"^Stopped after 1 of 3: a newer book replaced it\.$"):
        book.imported(line("r-1"), line("r-2"), line("r-3"))
    assert book.prices() == ["40.00"]


def test_newer_book_that_is_refused_ends_nothing(book: Book) -> None:
    older = book.checked(line("r-1"))
    book.refused(line("r-1", quantity=3), strict=True)
    book.refused('r-1,"cut in the middle')
    assert applying.apply(older, caller=CALLER).state == ImportState.DONE


def test_dry_run_ends_nothing(book: Book) -> None:
    older = book.checked(line("r-1"))
    book.imported(line("r-1", price="50.00"), dry_run=True)
    assert applying.apply(older, caller=CALLER).state == ImportState.DONE


def test_other_brokers_book_ends_nothing(book: Book) -> None:
    older = book.checked(line("r-1"))
    Book(book.path.parent, BrokerFactory()).imported(line("r-1"))
    assert applying.apply(older, caller=CALLER).state == ImportState.DONE


@pytest.mark.django_db(transaction=True)
def test_book_whose_check_ends_after_that_of_a_newer_one_is_overtaken(
    book: Book, rivals: Rivals
) -> None:
    def newer_comes(stage: str, done: int, total: int) -> None:
        if stage == "comparing":
            rivals.start(lambda: book.imported(line("r-1", price="60.00"))).result()

    older = book.checked(line("r-1"), progress=newer_comes)
    assert (older.state, older.rows.count()) == (ImportState.SUPERSEDED, 0)
    assert applying.apply(older, caller=CALLER).state == ImportState.SUPERSEDED
    assert book.prices() == ["60.00"]


@pytest.mark.django_db(transaction=True)
def test_two_appliers_at_once_share_the_work(
    book: Book, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_groups, "NEW_AT_ONCE", 2)
    monkeypatch.setattr(existing_groups, "LOCKED_AT_ONCE", 2)
    ids = [f"r-{number:02}" for number in range(30)]
    for price in ("40.00", "50.00"):
        checked = book.checked(*[line(one, price=price) for one in ids])

        def applied(checked: Import = checked) -> Import:
            return applying.apply(again(checked), caller=CALLER)

        for done in rivals.together(applied, applied, applied):
            assert (done.state, done.applied, done.refused) == (ImportState.DONE, 30, 0)
        assert book.prices() == [price] * 30
    assert LedgerEntry.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_nothing_is_applied_while_somebody_else_has_the_turn(
    book: Book, unchanged: Unchanged
) -> None:
    book.imported(line("r-1"))
    checked = book.checked(line("r-1", price="50.00"), line("r-2"))
    applying.apply(checked, caller=CALLER, seconds=0)
    with unchanged(), outsider() as rival:
        rival.execute("SELECT FROM inventory_import WHERE id = %s FOR UPDATE", (checked.id,))
        applying.apply(checked, caller=CALLER, seconds=0.2)
        assert (checked.state, checked.applied) == (ImportState.APPLYING, 0)
    assert applying.apply(checked, caller=CALLER).state == ImportState.DONE
    assert TicketGroup.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_no_row_is_applied_before_its_event_is_there(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, tries = applying._begin, iter(["in vain"])

    def unless_taken(one: Import) -> None:
        if not next(tries, None):
            begin(one)

    monkeypatch.setattr(applying, "_begin", unless_taken)
    assert applying.apply(book.checked(line("r-1")), caller=CALLER).state == ImportState.DONE


@contextmanager
def another_check(book: Book) -> Iterator[None]:
    """Another file of the broker is being checked, until the block ends."""
    with outsider() as rival:
        rival.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('books of broker ' || %s, 0))",
            (book.broker.id,),
        )
        yield


@contextmanager
def another_applier(book: Book) -> Iterator[None]:
    """Somebody has the turn of an older import, until the block ends."""
    with outsider() as rival:
        rival.execute(
            "SELECT FROM inventory_import WHERE broker_id = %s FOR UPDATE", (book.broker.id,)
        )
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("busy", [another_check, another_applier])
def test_second_file_does_not_wait_for_the_check_of_the_first(
    book: Book,
    unchanged: Unchanged,
    monkeypatch: pytest.MonkeyPatch,
    busy: Callable[[Book], AbstractContextManager[None]],
) -> None:
    monkeypatch.setitem(TIME_LIMITS, "lock_timeout", "50ms")
    older = book.checked(line("r-1"))
    with unchanged(), busy(book), pytest.raises(CommandError) as refusal:
        book.imported(line("r-1", price="60.00"))
    assert str(refusal.value) == (
        "Another file of this broker is being checked. Nothing has changed: try again in a moment."
    )
    assert refusal.value.returncode == 1
    assert Import.objects.get().state == ImportState.CHECKED
    assert applying.apply(older, caller=CALLER).state == ImportState.DONE
    assert book.imported(line("r-1", price="60.00")).applied == 1


def test_no_statement_of_a_check_waits_longer_for_a_lock_than_a_call_would(book: Book) -> None:
    limits: set[str] = set()

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "SELECT pg_advisory", "SELECT inventory_import", "UPDATE")):
            with connection.cursor() as cursor:
                limits.add(cursor.connection.execute("SHOW lock_timeout").fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        book.checked(line("r-1"))
    assert limits == {"2s"}


@pytest.mark.django_db(transaction=True)
def test_dry_run_ends_in_a_line_though_a_newer_book_is_being_checked(
    book: Book, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIME_LIMITS, "lock_timeout", "50ms")
    book.imported(line("r-1"))
    drop = applying.drop

    def while_somebody_is_at_it(one: Import) -> None:
        with another_applier(book):
            drop(one)

    monkeypatch.setattr(applying, "drop", while_somebody_is_at_it)
    book.imported(line("r-1", price="60.00"), dry_run=True)
    assert "A dry run: nothing was changed." in book.out.getvalue()
    assert book.prices() == ["40.00"]


def test_import_that_has_ended_stays_as_it_is(book: Book, unchanged: Unchanged) -> None:
    done = book.imported(line("r-1"))
    facts = Import.objects.values().get(id=done.id)
    with unchanged():
        applying.confirm(done)
        applying.drop(done)
        applying.apply(done, caller=CALLER)
    assert Import.objects.values().get(id=done.id) == facts


@pytest.mark.django_db(transaction=True)
def test_event_that_somebody_adds_at_that_moment_is_the_one_that_is_meant(
    book: Book, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = book.checked(line("r-1"))
    name, venue, day, start, _ = checked.events[0]

    def add() -> None:
        if not Event.objects.exists():
            same = Event(broker=book.broker, name=name, venue=venue, date=day, time=start)
            rivals.together(lambda: Event.objects.bulk_create([same]))

    before(monkeypatch, Event, "save", add)
    assert applying.apply(checked, caller=CALLER).state == ImportState.DONE
    assert book.group("r-1").event == Event.objects.get()


def test_snapshot_that_the_command_does_not_take_ends_nothing(book: Book) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    older = book.checked(line("r-1", price="50.00"))
    assert "Confirm it if that is meant. Nothing was changed." in book.refused(snapshot=True)
    assert applying.apply(older, caller=CALLER).state == ImportState.DONE
    assert book.prices() == ["50.00", "40.00", "40.00"]


def test_command_says_that_somebody_discarded_its_book(
    book: Book, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, applying, "apply", lambda: applying.drop(Import.objects.get()))
    with unchanged(), pytest.raises(CommandError, match=r"0 of 1: somebody discarded it in the "):
        book.imported(line("r-1"))
