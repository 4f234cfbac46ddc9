"""Imports that are stopped: they say how far they came, and go on from there."""

from contextlib import ExitStack

import pytest
from django.core.management import CommandError
from django.db import connection

from automator.audit import differences
from automator.management.commands.import_inventory import Command
from holds.imports import applying, existing_groups, new_groups
from inventory.models import Event, LedgerEntry
from inventory.models.imports import Import, ImportState, Verdict
from tests.support.factories import EventFactory
from tests.support.fixtures import Unchanged
from tests.support.importing import CALLER, Book, line
from tests.support.marketplace import Api
from tests.support.rivals import before, outsider, somebody_locks

pytestmark = pytest.mark.django_db


class Killed(Exception):
    """As if somebody pressed Ctrl-C."""


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_groups, "NEW_AT_ONCE", 1)
    monkeypatch.setattr(existing_groups, "LOCKED_AT_ONCE", 1)


@pytest.mark.parametrize("batches", range(1, 7))
def test_import_killed_after_any_batch_goes_on_from_there(
    book: Book, one_by_one: None, batches: int
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"), line("r-4"))
    lines = [line("r-1", price="50.00"), line("r-2", price="50.00"), line("r-5"), line("r-6")]
    checked = book.checked(*lines, snapshot=True)
    told: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        assert (stage, total) == ("applying", 6)
        if done == batches:
            raise Killed
        told.append(done)

    with pytest.raises(Killed):
        applying.apply(checked, caller=CALLER, progress=kill)
    stopped = Import.objects.get(id=checked.id)
    assert (stopped.state, stopped.applied) == (ImportState.APPLYING, batches)
    assert stopped.rows.count() == 6 - batches
    assert set(told) == set(range(1, batches))
    done = applying.apply(stopped, caller=CALLER)
    assert (done.state, done.applied, done.rows.count()) == (ImportState.DONE, 6, 0)
    assert book.prices() == ["50.00", "50.00", "40.00", "40.00", "40.00", "40.00"]
    assert [book.group(f"r-{number}").listed for number in range(1, 7)] == [
        *(True, True, False, False, True, True)
    ]
    assert LedgerEntry.objects.count() == 6
    assert list(differences()) == []


def test_import_stops_in_time_and_says_how_far_it_came(
    book: Book, one_by_one: None, unchanged: Unchanged
) -> None:
    checked = book.checked(line("r-1"), line("r-2"))
    with unchanged():
        applying.apply(checked, caller=CALLER, seconds=0)
    assert (checked.state, checked.applied) == (ImportState.APPLYING, 0)
    assert applying.apply(checked, caller=CALLER).state == ImportState.DONE


def test_row_that_has_become_a_contradiction_is_refused(book: Book, api: Api) -> None:
    book.imported(line("r-1"), line("r-2"))
    checked = book.checked(line("r-1", section="212"), line("r-2", section="212"))
    api.hold(book.group("r-1"), 2, "g-1")
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied, done.changed, done.refused) == (ImportState.DONE, 1, 1, 1)
    row = done.rows.get()
    assert (row.verdict, row.remote_id, row.line) == (Verdict.REFUSED, "r-1", 2)
    assert "would change under the claim g-1" in row.problems[0]
    assert (book.group("r-1").section, book.group("r-2").section) == ("211", "212")


def test_import_all_of_whose_rows_are_refused_by_now_is_done(book: Book, api: Api) -> None:
    book.imported(line("r-1"))
    checked = book.checked(line("r-1", section="212"))
    api.hold(book.group("r-1"), 2, "g-1")
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.changed, done.refused) == (ImportState.DONE, 0, 1)


def test_group_that_somebody_made_meanwhile_is_refused_and_the_rest_goes_in(book: Book) -> None:
    checked = book.checked(line("r-1"), line("r-2", price="50.00"), line("r-3"))
    made = book.checked(line("r-2"), dry_run=True)
    assert applying.apply(made, caller=CALLER).applied == 1
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied, done.new, done.refused) == (ImportState.DONE, 2, 2, 1)
    assert done.rows.get().problems == ["The ticket group was made by somebody else meanwhile."]
    assert book.prices() == ["40.00", "40.00", "40.00"]


def test_event_that_somebody_made_meanwhile_is_the_one(book: Book) -> None:
    checked = book.checked(line("r-1"), line("r-2", event="Hamilton"))
    made = EventFactory(
        broker=book.broker,
        name="Wicked",
        venue="Gershwin Theatre",
        date="2027-05-01",
        time="19:30",
    )
    applying.apply(checked, caller=CALLER)
    assert book.group("r-1").event == made
    assert book.group("r-2").event.name == "Hamilton"
    assert Event.objects.filter(broker=book.broker).count() == 2


@pytest.mark.django_db(transaction=True)
def test_group_that_a_call_has_locked_is_passed_over_and_comes_later(
    book: Book, one_by_one: None
) -> None:
    book.imported(line("r-1"), line("r-2"), line("r-3"))
    checked = book.checked(line("r-2", price="50.00"), line("r-3", price="50.00"), snapshot=True)
    with somebody_locks(book.group("r-2")):
        applying.apply(checked, caller=CALLER, seconds=0.5)
        assert (checked.state, checked.applied) == (ImportState.APPLYING, 2)
        assert book.prices() == ["40.00", "40.00", "50.00"]
    done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied) == (ImportState.DONE, 3)
    assert book.prices() == ["40.00", "50.00", "50.00"]


@pytest.mark.django_db(transaction=True)
def test_command_gives_up_on_groups_that_stay_locked_and_says_so(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_TRIES", 3)
    book.imported(line("r-1"), line("r-2"))
    with (
        somebody_locks(book.group("r-2")),
        pytest.raises(CommandError, match="Stopped after 1 of 2: calls keep the other"),
    ):
        book.imported(line("r-1", price="50.00"), line("r-2", price="50.00"))
    assert book.imported(line("r-1", price="50.00"), line("r-2", price="50.00")).applied == 1
    assert book.prices() == ["50.00", "50.00"]


@pytest.mark.django_db(transaction=True)
def test_import_that_gets_on_does_not_give_up(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_TRIES", 2)
    ids = ["r-1", "r-2", "r-3", "r-4"]
    book.imported(*[line(one) for one in ids])
    checked = book.checked(*[line(one, price="50.00") for one in ids])
    with ExitStack() as stack:
        rivals = [stack.enter_context(somebody_locks(book.group(one))) for one in ids]

        def let_one_go() -> None:
            if rivals:
                rivals.pop().rollback()

        before(monkeypatch, applying, "_round", let_one_go)
        done = applying.apply(checked, caller=CALLER)
    assert (done.state, done.applied) == (ImportState.DONE, 4)


@pytest.mark.django_db(transaction=True)
def test_command_says_how_far_it_came_when_the_database_stops_it(
    book: Book, one_by_one: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line("r-1"), line("r-2"), line("r-3")]
    with outsider() as rival, monkeypatch.context() as patch:

        def block(self: Command, stage: str, done: int, total: int) -> None:
            if (stage, done) == ("applying", 1):
                rival.execute("LOCK TABLE inventory_ticketgroup IN SHARE MODE")

        patch.setattr(Command, "progress", block)
        with pytest.raises(CommandError, match=r"^Stopped after 1 of 3 by the database: cancel"):
            book.imported(*lines)
    done = book.imported(*lines)
    assert (done.unchanged, done.applied) == (1, 2)


def crash() -> None:
    """What a crash of PostgreSQL leaves of unlogged tables."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE inventory_importrow_pending")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begun", [False, True])
def test_rows_that_a_crash_took_are_asked_for_again(
    book: Book, one_by_one: None, begun: bool
) -> None:
    checked = book.checked(line("r-1"), line("r-2"), line("bad id"))

    def kill(stage: str, done: int, total: int) -> None:
        raise Killed

    if begun:
        with pytest.raises(Killed):
            applying.apply(checked, caller=CALLER, progress=kill)
    crash()
    applying.apply(checked, caller=CALLER)
    assert (checked.state, checked.applied) == (ImportState.LOST, int(begun))
    assert f"{int(begun)} of 2 were applied. Upload the file again." in checked.problem
    assert checked.finished_at
    assert [row.line for row in checked.rows.all()] == [4]
    assert book.imported(line("r-1"), line("r-2")).state == ImportState.DONE
    assert book.prices() == ["40.00", "40.00"]


def test_rows_to_be_applied_are_unlogged_and_refused_ones_are_not() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relpersistence FROM pg_class JOIN pg_inherits ON oid = inhrelid"
            " WHERE inhparent = 'inventory_importrow'::regclass"
        )
        kinds = dict(cursor.fetchall())
    assert kinds == {"inventory_importrow_pending": "u", "inventory_importrow_refused": "p"}
