"""What a call that waited for the lock reads afterwards, and that its COMMIT waits for the disk."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from holds import locked_reads
from holds import services as holds
from holds.models import Hold, OrderException
from inventory.database.trips import Rows, Statement
from inventory.models import Broker, Caller, LedgerEntry, TicketGroup
from inventory.models.ticket_group_locks import TicketGroupLocks
from invoices import services as invoices
from invoices.models import Invoice
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import DatabaseClock
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import (
    Rivals,
    agrees,
    apis,
    somebody_locks,
    statuses,
    until_waiting,
)

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)

# Deferred triggers run inside COMMIT, so that no statement of a call comes after them. One of the
# tables changes in each call that changes anything.
AT_COMMIT = """
    CREATE TABLE at_commit (synchronous_commit text);
    CREATE FUNCTION note_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO at_commit VALUES (current_setting('synchronous_commit'));
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER note_at_commit AFTER INSERT OR UPDATE ON holds_hold
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_at_commit();
    CREATE CONSTRAINT TRIGGER note_at_commit AFTER INSERT OR UPDATE ON holds_orderexception
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_at_commit();
    SET synchronous_commit = on
"""
NO_MORE = """
    RESET synchronous_commit;
    DROP FUNCTION note_at_commit CASCADE;
    DROP TABLE at_commit
"""


def execute(statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements)


@pytest.fixture
def at_commit() -> Iterator[Callable[[], list[str]]]:
    """What synchronous_commit was in each COMMIT since the last question; the session's is on."""

    def noted() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM at_commit RETURNING synchronous_commit")
            return [setting for (setting,) in cursor.fetchall()]

    execute(AT_COMMIT)
    yield noted
    execute(NO_MORE)


def test_no_call_turns_synchronous_commit_off(
    api: Api,
    group: TicketGroup,
    database_clock: DatabaseClock,
    at_commit: Callable[[], list[str]],
) -> None:
    caller = Caller("user staff")
    calls: dict[str, Callable[[], Any]] = {
        "hold": lambda: api.hold(group, 2, "g-1"),
        "invoice": lambda: api.invoice("o-1", "g-1"),
        "release after invoice": lambda: api.release("g-1"),
        "second hold": lambda: api.hold(group, 2, "g-2"),
        "release": lambda: api.release("g-2"),
        "release of an unknown id": lambda: api.release("g-3"),
        "invoice of an unknown id": lambda: api.invoice("o-4", "g-4"),
        "third hold": lambda: api.hold(group, 2, "g-5"),
        "move": lambda: database_clock.move(api.broker.hold_lifetime),
        "sweep": lambda: holds.expire(batch=1, caller=Caller("command expire_holds")),
        "late invoice": lambda: api.invoice("o-5", "g-5"),
        "void": lambda: invoices.void(Invoice.objects.earliest("id"), reason="No", caller=caller),
    }
    noted = {}
    for name, call in calls.items():
        call()
        noted[name] = set(at_commit())

    assert noted.pop("move") == set()
    assert noted == {name: {"on"} for name in noted}
    assert OrderException.objects.count() == 3


@pytest.mark.parametrize("call", ["hold", "release", "invoice"])
def test_time_of_an_effect_is_read_after_the_lock_was_had(
    api: Api, group: TicketGroup, rivals: Rivals, call: str
) -> None:
    if call != "hold":
        api.hold(group, 2, "g-1")
    calls: dict[str, Callable[[], Answer]] = {
        "hold": lambda: api.hold(group, 2, "g-1"),
        "release": lambda: api.release("g-1"),
        "invoice": lambda: api.invoice("o-1", "g-1"),
    }
    with somebody_locks(group) as rival:
        answer = rivals.start(calls[call])
        until_waiting(1)
        [(released_at,)] = rival.execute("SELECT clock_timestamp()").fetchall()

    assert answer.result(PATIENCE).status_code in {200, 201}
    hold = Hold.objects.get()
    times = [hold.changed_at, LedgerEntry.objects.latest("id").at]
    times += [hold.created_at] if call == "hold" else []
    times += Invoice.objects.values_list("invoiced_at", flat=True)
    assert min(times) >= released_at


@pytest.fixture
def four(broker: Broker) -> TicketGroup:
    return TicketGroupFactory(broker=broker, seats=["7", "8", "9", "10"])


def two_by_two(broker: Broker, four: TicketGroup, rivals: Rivals) -> "list[Answer]":
    """Two holds of two tickets, one behind the other at the lock of a group of four."""
    first, second = apis(broker, 2)
    return rivals.queue(
        four, lambda: first.hold(four, 2, "g-1"), lambda: second.hold(four, 2, "g-2")
    )


def test_claims_are_read_after_the_lock_was_had(
    broker: Broker, four: TicketGroup, rivals: Rivals
) -> None:
    answers = two_by_two(broker, four, rivals)

    assert statuses(answers) == {201: 2}
    assert [answer.json()["seats"] for answer in answers] == [["7", "8"], ["9", "10"]]
    assert agrees()


def test_claims_that_the_locking_statement_read_are_sold_twice(
    broker: Broker,
    four: TicketGroup,
    rivals: Rivals,
    walls_down: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_claims_while_locking(monkeypatch)

    answers = two_by_two(broker, four, rivals)

    assert statuses(answers) == {201: 2}
    assert [answer.json()["seats"] for answer in answers] == [["7", "8"], ["7", "8"]]
    assert not agrees()


def read_claims_while_locking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the statement that locks a group read its claims too, before it waits for the lock."""
    locking, from_row = TicketGroupLocks._locking, TicketGroupLocks._from_row
    situation, then = locked_reads._situation, threading.local()
    summed = (
        "(SELECT range_agg(positions) FROM holds_hold WHERE group_id = inventory_ticketgroup.id)"
    )

    def with_claims(*of: Any) -> Statement:
        lock = locking(*of)
        return Statement(f"naive_{lock.name}", lock.text.replace(" FROM", f", {summed} FROM", 1))

    def group_with_claims(self: TicketGroupLocks, row: tuple[Any, ...]) -> TicketGroup:
        then.claimed = [range(part.lower, part.upper) for part in row[-1] or ()]
        return from_row(self, row[:-1])

    def look(rows: Rows) -> locked_reads.Situation:
        return situation(rows)._replace(claimed=then.claimed)

    monkeypatch.setattr(TicketGroupLocks, "_locking", with_claims)
    monkeypatch.setattr(TicketGroupLocks, "_from_row", group_with_claims)
    monkeypatch.setattr(locked_reads, "_situation", look)
