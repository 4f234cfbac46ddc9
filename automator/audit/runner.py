"""Runs the checks of the audit in one snapshot of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection, transaction

from automator.audit.checks import CHECKS, Check
from holds.models import LIVE, STAFF_PREFIX, State
from inventory.models.ledger import CHANGES, Effect

TOMBSTONE = "tombstone"
SALES = (
    (Effect.HELD, Effect.INVOICED),
    (Effect.HELD, Effect.EXPIRED, Effect.INVOICED_LATE),
)
# The histories in the ledger that are possible for a hold in each state.
HISTORIES: dict[str, tuple[tuple[Effect, ...], ...]] = {
    TOMBSTONE: ((),),
    State.HELD: ((Effect.HELD,),),
    State.RELEASED: (
        (Effect.HELD, Effect.RELEASED),
        (Effect.HELD, Effect.EXPIRED, Effect.RELEASED_LATE),
    ),
    State.EXPIRED: ((Effect.HELD, Effect.EXPIRED),),
    State.INVOICED: SALES,
    State.VOIDED: tuple((*sale, Effect.VOIDED) for sale in SALES),
}
PARAMETERS: dict[str, Any] = {
    "live": list(LIVE),
    "by_staff": STAFF_PREFIX,
    "effects": [effect.value for effect in CHANGES],
    "per_quantity": [change[0] for change in CHANGES.values()],
    "per_held": [change[1] for change in CHANGES.values()],
    "per_sold": [change[2] for change in CHANGES.values()],
    "tombstone": TOMBSTONE,
    "stands": [str(state) for state, histories in HISTORIES.items() for _ in histories],
    "histories": [", ".join(one) for histories in HISTORIES.values() for one in histories],
}
# The tables that every check can read: rows with their name for messages, and ledger entries with
# the change that one ticket of the entry makes to each counter.
TABLES = """
WITH ticketgroup AS (
    SELECT g.*, format('%%s of %%s', g.remote_id, b.name) AS name
    FROM inventory_ticketgroup g LEFT JOIN inventory_broker b ON b.id = g.broker_id),
hold AS (
    SELECT h.*, format('%%s of %%s', h.global_id, b.name) AS name
    FROM holds_hold h LEFT JOIN inventory_broker b ON b.id = h.broker_id),
entry AS (
    SELECT e.*, c.per_quantity, c.per_held, c.per_sold
    FROM inventory_ledgerentry e LEFT JOIN unnest(
        %(effects)s::text[], %(per_quantity)s::int[], %(per_held)s::int[], %(per_sold)s::int[]
    ) c (effect, per_quantity, per_held, per_sold) USING (effect))
"""


class Difference(NamedTuple):
    """A violation of a rule: the name of the check, and a message of one line."""

    check: str
    line: str


class Extent(NamedTuple):
    """The numbers of rows that were checked."""

    groups: int
    holds: int
    entries: int


@contextmanager
def snapshot() -> Iterator[None]:
    """Open a read-only transaction that sees a single snapshot and has no time limit.

    It takes no lock that a call would have to wait for.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(
            "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN"
            " ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
        )
        yield


def differences(about_to: Callable[[Check], None] = lambda _: None) -> Iterator[Difference]:
    """Run all checks in the current transaction and yield the differences.

    Args:
        about_to: called with each check before it runs, to show progress.
    """
    for each in CHECKS:
        about_to(each)
        for row in _rows(each.sql):
            yield Difference(each.name, each.sentence.format(**row))


def extent() -> Extent:
    """Return the numbers of rows, as the current transaction sees them."""
    [row] = _rows(
        "SELECT (SELECT count(*) FROM inventory_ticketgroup) AS groups,"
        " (SELECT count(*) FROM holds_hold) AS holds,"
        " (SELECT count(*) FROM inventory_ledgerentry) AS entries"
    )
    return Extent(**row)


def _rows(sql: str) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES + sql, PARAMETERS)
        names = [column.name for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))
