"""Mixed calls on a few groups, all at once: nothing is lost, sold twice or made up."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from typing import Any, NamedTuple

import pytest
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from automator import audit
from holds import services as holds
from holds.models import Hold
from inventory.models import Broker, Caller, LedgerEntry, TicketGroup
from inventory.transactions import OutcomeUnknown
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.marketplace import Api
from tests.support.rivals import Rivals, outsider

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS, CALLS, GLOBAL_IDS = 6, 50, 90
EFFECTS = {"hold": {"held"}, "release": {"released"}, "invoice": {"invoiced", "invoiced_late"}}
# One statement, so one moment: each group's counters, its claims, and its last ledger entry.
MOMENT = """
    SELECT g.quantity, g.held, g.sold,
        (SELECT coalesce(sum(quantity), 0) FROM holds_hold
         WHERE group_id = g.id AND state = 'held'),
        (SELECT coalesce(sum(quantity), 0) FROM holds_hold
         WHERE group_id = g.id AND state = 'invoiced'),
        (SELECT array[quantity, held, sold] FROM inventory_ledgerentry
         WHERE group_id = g.id ORDER BY number DESC LIMIT 1)
    FROM inventory_ticketgroup g
"""


class Call(NamedTuple):
    """What was sent under which request id, and what came back."""

    kind: str
    global_id: str
    request_id: str
    status: int
    body: dict[str, Any]


@pytest.fixture
def broker(db: None) -> Broker:
    return BrokerFactory(hold_lifetime=1)  # so that holds expire in the middle of it


@pytest.fixture
def groups(broker: Broker) -> list[TicketGroup]:
    return [
        TicketGroupFactory(broker=broker, seats=[str(seat) for seat in range(1, 25)]),
        TicketGroupFactory(broker=broker, seats=[], quantity=20, split_rule="never_leave_one"),
        TicketGroupFactory(broker=broker, quantity=6, split_rule="pairs"),
    ]


@contextmanager
def meanwhile(rivals: Rivals, job: Callable[[], object]) -> Iterator[list[object]]:
    """Do a job again and again in a thread of its own; gives what it returned."""
    over = threading.Event()
    results: list[object] = []

    def again() -> None:
        while not over.is_set():
            close_old_connections()  # as before every request
            results.append(job())

    started = rivals.start(again)
    try:
        yield results
    finally:
        over.set()
        started.result()


def read() -> int:
    """Assert that one snapshot adds up; return how many tickets it had."""
    with outsider() as reader:
        rows = reader.execute(MOMENT).fetchall()
    for quantity, held, sold, holds_held, holds_sold, last in rows:
        assert (held, sold) == (holds_held, holds_sold)
        assert quantity - held - sold >= 0
        assert last == [quantity, held, sold]
    return sum(row[0] for row in rows)


def sweep() -> int:
    # Killed connections are part of it.
    with suppress(DatabaseError, InterfaceError, OutcomeUnknown):
        return holds.expire(batch=5, caller=Caller("command expire_holds"))
    return 0


def some_calls(api: Api, groups: list[TicketGroup], seed: int) -> list[Call]:
    """Calls at random, each repeated until its outcome is known."""
    random = Random(seed)
    made: list[Call] = []
    for number in range(CALLS):
        group, quantity = random.choice(groups), random.choice([1, 2, 2, 4])
        global_id, order = f"g-{random.randrange(GLOBAL_IDS)}", f"o-{random.randrange(5)}"
        kind = random.choice(["hold", "hold", "hold", "release", "invoice", "invoice"])
        for attempt in range(20):
            request_id = f"{seed}-{number}-{attempt}"
            close_old_connections()
            calls = {
                "hold": partial(api.hold, group, quantity, global_id),
                "release": partial(api.release, global_id),
                "invoice": partial(api.invoice, order, global_id),
            }
            answer = calls[kind](x_request_id=request_id)
            made.append(Call(kind, global_id, request_id, answer.status_code, answer.json()))
            if answer.status_code < 500:
                break
        else:
            pytest.fail(f"never settled: {made[-1]}")
    return made


def storm(broker: Broker, groups: list[TicketGroup], rivals: Rivals) -> list[Call]:
    parts = rivals.together(
        *[partial(some_calls, Api(broker), groups, seed) for seed in range(CALLERS)]
    )
    return [call for part in parts for call in part]


def assert_nothing_is_lost_or_made_up(calls: list[Call]) -> None:
    with audit.snapshot():
        assert list(audit.differences()) == []
    entries = LedgerEntry.objects.exclude(global_id="")
    effects = {(entry.request_id, entry.global_id, entry.effect) for entry in entries}
    by_id: dict[str, set[str]] = {}
    for _, global_id, effect in effects:
        by_id.setdefault(global_id, set()).add(effect)
    for call in calls:
        mine = EFFECTS[call.kind] & {
            effect
            for request_id, global_id, effect in effects
            if (request_id, global_id) == (call.request_id, call.global_id)
        }
        if call.status == 201:
            assert len(mine) == 1, f"answered and not there: {call}"
        elif call.status == 200 and call.kind == "release":
            gone = by_id.get(call.global_id, {"tombstone"}) & {"released", "expired", "tombstone"}
            assert gone, f"answered and not there: {call}"
            assert not Hold.objects.filter(global_id=call.global_id, state="held").exists()
        elif call.status == 200:
            assert by_id[call.global_id] & EFFECTS[call.kind], f"answered and not there: {call}"
        elif call.status < 500:
            assert not mine, f"refused and there: {call}"
    sent = {call.request_id for call in calls} | {""}
    assert {request_id for request_id, _, _ in effects} <= sent


def test_after_a_storm_the_books_agree_and_every_answer_is_true(
    broker: Broker, groups: list[TicketGroup], rivals: Rivals
) -> None:
    with meanwhile(rivals, read) as snapshots, meanwhile(rivals, sweep):
        calls = storm(broker, groups, rivals)

    assert_nothing_is_lost_or_made_up(calls)
    assert len(snapshots) > 10
    assert set(snapshots) == {50}
    answers = Counter((call.kind, call.status) for call in calls)
    assert answers.keys() <= {
        *(("hold", status) for status in (200, 201, 409, 422)),
        *(("release", status) for status in (200, 409)),
        *(("invoice", status) for status in (200, 201, 404, 409)),
    }
    for kind in EFFECTS:
        assert answers[kind, 201] + answers[kind, 200] > 5, "there was a storm"


def test_a_storm_in_which_connections_are_killed_loses_nothing(
    broker: Broker, groups: list[TicketGroup], rivals: Rivals
) -> None:
    random = Random(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        spared = cursor.fetchone()

    def kill() -> int:
        with outsider(autocommit=True, application_name="killer") as killer:
            backends = killer.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'automator' AND state <> 'idle' AND pid <> %s",
                spared,
            ).fetchall()
            for (pid,) in random.sample(backends, min(1, len(backends))):
                killer.execute("SELECT pg_terminate_backend(%s)", (pid,))
            killer.execute("SELECT pg_sleep(0.05)")
        return len(backends)

    with meanwhile(rivals, read) as snapshots, meanwhile(rivals, sweep), meanwhile(rivals, kill):
        calls = storm(broker, groups, rivals)

    assert_nothing_is_lost_or_made_up(calls)
    assert set(snapshots) == {50}
    failures = Counter(call.body["code"] for call in calls if call.status >= 500)
    assert failures.keys() <= {"unavailable", "busy", "outcome_unknown"}
    assert failures["unavailable"] + failures["outcome_unknown"] > 0, "connections were killed"
