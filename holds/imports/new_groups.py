"""The batches of an import that add the ticket groups that the broker does not have yet.

They work as those of `existing_groups` do, but have no group to lock.
"""

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from holds.imports.row_rules import ALWAYS, OPTIONAL
from inventory.models import Caller, TicketGroup
from inventory.models.imports import Import, Verdict
from inventory.models.ledger import INSERT_ENTRIES

# The number of rows in a transaction. No call can need these groups yet.
NEW_AT_ONCE = 2000


class _TakenError(Exception):
    """Another group has the remote id of a row."""


def add_new(job: Import, after: int, caller: Caller) -> int | None:
    """Create a batch of ticket groups that the broker does not have yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(id) FROM (SELECT id FROM inventory_importrow"
            " WHERE job_id = %s AND verdict = 'new' AND id > %s ORDER BY id LIMIT %s) batch",
            (job.id, after, NEW_AT_ONCE),
        )
        count, last = cursor.fetchone()
    if not count:
        return None
    try:
        with transaction.atomic():
            _create(job, after, last, count, caller)
    except _TakenError:
        _refuse_taken(job, after, last)
        return after
    job.count_batch(applied=count, refused=0, of="new")
    return int(last)


def _create(job: Import, after: int, last: int, count: int, caller: Caller) -> None:
    """Create the groups of the `count` rows after the id `after` up to the id `last`.

    Raises:
        _TakenError: a remote id of these rows is in use by now.
    """
    columns = ", ".join(("remote_id", "event_id", "seats", "stride", "quantity", *ALWAYS))
    optional = {name: _default(name) for name in OPTIONAL}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH batch AS (
                DELETE FROM inventory_importrow
                WHERE job_id = %s AND verdict = 'new' AND id > %s AND id <= %s RETURNING *),
            made AS (
                INSERT INTO inventory_ticketgroup (broker_id, {columns}, {", ".join(optional)},
                    listed, held, sold, entries)
                SELECT %s, {columns},
                    {", ".join(f"coalesce({n}, {d})" for n, d in optional.items())},
                    true, 0, 0, 1
                FROM batch ORDER BY id
                ON CONFLICT (broker_id, remote_id) DO NOTHING
                RETURNING id, broker_id, quantity, seats),
            written AS (
                {INSERT_ENTRIES}
                SELECT broker_id, id, 1, 'stocked', quantity, seats, '', quantity, 0, 0, %s, %s,
                    clock_timestamp()
                FROM made)
            SELECT count(*) FROM made
            """,  # noqa: S608  column names only
            (job.id, after, last, job.broker_id, caller.name, caller.request_id),
        )
        if cursor.fetchone()[0] < count:
            raise _TakenError


def _refuse_taken(job: Import, after: int, last: int) -> None:
    """Refuse the rows whose remote id another group of the broker has by now."""
    there = TicketGroup.objects.filter(broker=job.broker_id, remote_id=OuterRef("remote_id"))
    rows = job.rows.filter(Exists(there), verdict=Verdict.NEW, id__gt=after, id__lte=last)
    refused = rows.update(
        verdict=Verdict.REFUSED,
        problems=["The ticket group was made by somebody else meanwhile."],
    )
    job.count_batch(applied=0, refused=refused, of="new")


def _default(column: str) -> str:
    """Return the SQL of a column's default, for files that do not have the column."""
    return {
        "on_sale": "true",
        "cost": "NULL",
        "face_value": "NULL",
        "in_hand_on": "NULL",
        "split_rule": "'any'",
        "split_quantities": "'{}'",
    }.get(column, "''")
