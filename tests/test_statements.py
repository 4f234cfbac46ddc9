"""What each call says to PostgreSQL, read from the wire: every statement, trip by trip.

A trip is all that is sent before the next answer is waited for.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import close_old_connections, connection
from psycopg.pq import Trace

from inventory.models import TicketGroup
from tests.support.fixtures import BringTo, DatabaseClock
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = re.compile(r"^([FB])\t\d+\t(\w+)(.*?)(?=^[FB]\t\d+\t|\Z)", re.DOTALL | re.MULTILINE)
LIMITS = r"SELECT set_config\('lock_timeout', '2s', true\), [^;]*"
REPLICATED = r"SELECT CASE WHEN current_setting\('synchronous_standby_names'\) <> '' THEN [^;]*"
# Statements that are not prepared, by their text. The others have names of their own.
STATEMENTS = {
    "invoices": r'SELECT [^;]* FROM "invoices_invoice" .*',
    "look up invoices": rf'{REPLICATED}; {LIMITS}; SELECT .* FROM "invoices_invoice" .*',
    "look up holds": rf'{REPLICATED}; {LIMITS}; SELECT .* FROM "holds_hold" .*"id"\) IN .*',
    "look up hold": rf'{REPLICATED}; {LIMITS}; SELECT .* FROM "holds_hold" WHERE .*',
    "hold": rf'{LIMITS}; SELECT 1 AS "a" FROM "holds_hold" WHERE .*"global_id" = .* LIMIT 1',
    "exception": r"INSERT INTO holds_orderexception .*",
    "rollback": r"ROLLBACK",
}
Trips = list[list[str]]
Heard = Callable[[Callable[[], object]], Trips]
# How every call begins, and every call that can change something: with another trip for its writes
# and COMMIT, that is three.
KEY: Trips = [["limits", "key"]]
BEGIN = ["begin", "limits"]
HOLD: Trips = [*KEY, [*BEGIN, "lock_group_by_remote_id", "look_by_remote_id", "limits_afterwards"]]
OTHER: Trips = [*KEY, [*BEGIN, "lock_group_of_hold", "look_by_hold", "limits_afterwards"]]
# How a call that has written nothing ends.
END = ["wait_for_standby", "commit"]


def name(statement: str) -> str:
    words = " ".join(statement.split())
    return next((n for n, like in STATEMENTS.items() if re.fullmatch(like, words)), words)


def trips(traffic: str) -> Trips:
    """The statements in a trace of libpq. What comes from the server ends a trip."""
    found: Trips = []
    answered = True
    for sender, kind, rest in MESSAGE.findall(traffic):
        if sender == "F" and answered:
            found.append([])
        answered = sender == "B"
        names = re.findall(r'"([^"]*)"', rest, re.DOTALL)
        if kind == "Query":
            found[-1].append(name(rest[rest.index('"') + 1 : rest.rindex('"')]))
        elif kind == "Parse" and not names[0]:
            found[-1].append(name(rest[rest.index('"" "') + 4 : rest.rindex('"')]))
        elif kind == "Bind" and names[1]:
            found[-1].append(re.sub(r"_[0-9a-f]{8}$", "", names[1]))
    return found


@pytest.fixture
def heard(api: Api, tmp_path: Path) -> Heard:
    """What a call says to PostgreSQL, from a request's first look at its connection on.

    The use of the key is noted already, as in every call of a minute but the first.
    """

    def listen(call: Callable[[], object]) -> Trips:
        api.look_up_hold("g-0")
        close_old_connections()  # Django's own, at each request; the test client leaves it out
        session = connection.connection.pgconn
        with (tmp_path / "traffic").open("w+") as file:
            session.trace(file.fileno())
            session.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
            call()
            session.untrace()
            file.seek(0)
            return trips(file.read())

    return listen


def test_hold(api: Api, group: TicketGroup, heard: Heard) -> None:
    assert heard(lambda: api.hold(group, 2, "g-1")) == [*HOLD, ["claim", "record", "commit"]]


def test_hold_replayed(api: Api, bring_to: BringTo, heard: Heard) -> None:
    group = bring_to("held")

    assert heard(lambda: api.hold(group, 2, "g-1")) == [*HOLD, END]


def test_hold_refused(api: Api, group: TicketGroup, heard: Heard) -> None:
    assert heard(lambda: api.hold(group, 9, "g-1")) == [*HOLD, ["waiting"], ["rollback"]]


def test_hold_of_what_is_not_for_sale(api: Api, group: TicketGroup, heard: Heard) -> None:
    TicketGroup.objects.update(on_sale=False)

    assert heard(lambda: api.hold(group, 2, "g-1")) == [*HOLD, ["rollback"]]


@pytest.mark.parametrize("overdue", [1, 3])
def test_hold_that_needs_overdue_tickets(
    api: Api, group: TicketGroup, database_clock: DatabaseClock, heard: Heard, overdue: int
) -> None:
    for number in range(overdue):
        api.hold(group, 6 // overdue, f"g-{number}")
    database_clock.move(900)

    assert heard(lambda: api.hold(group, 6, "g-9")) == [
        *HOLD,
        ["waiting"],
        ["expire", "claim", "record", "commit"],
    ]


def test_release(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("held")

    assert heard(lambda: api.release("g-1")) == [*OTHER, ["change", "record", "commit"]]


def test_release_replayed(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("released")

    assert heard(lambda: api.release("g-1")) == [*OTHER, END]


def test_release_of_an_unknown_id(api: Api, heard: Heard) -> None:
    assert heard(lambda: api.release("g-1")) == [*OTHER, ["claim", "commit"]]


def test_release_refused(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("invoiced")

    assert heard(lambda: api.release("g-1")) == [*OTHER, ["exception"], END]


def test_invoice(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("held")

    assert heard(lambda: api.invoice("o-1", "g-1")) == [
        *OTHER,
        ["change", "record", "issue", "commit"],
    ]


def test_invoice_replayed(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("invoiced")

    assert heard(lambda: api.invoice("o-1", "g-1")) == [*OTHER, ["invoices"], END]


def test_invoice_refused(api: Api, heard: Heard) -> None:
    assert heard(lambda: api.invoice("o-1", "g-1")) == [
        *OTHER,
        ["exception"],
        END,
        ["hold"],  # looked for again once the exception is committed
    ]


def test_look_ups(api: Api, bring_to: BringTo, heard: Heard) -> None:
    bring_to("invoiced")

    assert heard(lambda: api.look_up_hold("g-1")) == [*KEY, ["look up hold"]]
    assert heard(lambda: api.look_up_invoice("o-1")) == [
        *KEY,
        ["look up invoices"],
        ["look up holds"],
    ]


def test_call_without_a_good_key_asks_for_nothing_else(api: Api, heard: Heard) -> None:
    api.client.defaults["HTTP_X_API_KEY"] = f"automator_{api.key_id}_0"

    assert heard(lambda: api.release("g-1")) == KEY
