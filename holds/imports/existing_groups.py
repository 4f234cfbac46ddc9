"""The batches of an import that change ticket groups, or unlist those that have vanished.

Each batch runs in a transaction opened by `locks.turn`, and deletes the rows that it applies, so
that the stored rows are those that are left to do. It begins after the row with the id `after`, and
returns the id of the last row that it looked at, or None where there are no more rows.
"""

from django.db import connection

from holds.imports import row_rules
from holds.imports.row_rules import compared, counts_free
from holds.locked_reads import clock
from holds.restock import restock
from inventory.models import Caller, TicketGroup
from inventory.models.imports import Import, Verdict
from inventory.models.ledger import INSERT_ENTRIES
from inventory.stock_rules import Contradiction

# The number of rows in a transaction, which locks their groups.
LOCKED_AT_ONCE = 300

# Forces PostgreSQL to find each row of a batch by its id, since statistics of tables that grow fast
# are out of date.
_FEW_ROWS = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),"
    " set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)"
)


def change(job: Import, after: int, caller: Caller) -> int | None:
    """Change a batch of groups as their rows say. Their claims are kept.

    Groups that a call has locked are skipped, and the next round finds them again.
    """
    rows, last = _next(job, Verdict.CHANGED, after)
    if last is None:
        return None
    locked = TicketGroup.objects.lock_unless_busy(rows.values())
    to_judge = _to_judge(job, [row for row, group in rows.items() if group in locked])
    refused = _restock_judged(job, to_judge, caller) if to_judge else 0
    judged = [rows[row] for row in to_judge]
    applied = _change_locked(job, locked, judged, last, caller) if locked else 0
    if applied or refused:
        job.count_batch(applied=applied, refused=refused, of="changed")
    return last


def _to_judge(job: Import, row_ids: list[int]) -> list[int]:
    """Return the ids of the rows of locked groups that must be judged again, one by one.

    These are the rows of groups that have claims, the rows that would free more tickets by now than
    the check has shown and, where the file counts only free tickets, the rows of groups whose
    claims have changed since the moment of the file.
    """
    since = (
        "EXISTS (SELECT FROM inventory_ledgerentry e"
        " WHERE e.group_id = g.id AND e.at > %s AND e.effect <> 'stocked')"
    )
    free = counts_free(job)
    with connection.cursor() as cursor:
        cursor.execute(_FEW_ROWS)
        cursor.execute(
            f"""
            SELECT r.id FROM inventory_importrow r
            JOIN inventory_ticketgroup g ON g.id = r.group_id
            WHERE r.job_id = %s AND r.verdict = 'changed' AND r.id = ANY(%s)
                AND (g.held + g.sold > 0 OR r.quantity > g.quantity + r.growth
                    OR {since if free else "false"})
            ORDER BY r.id
            """,  # noqa: S608  no outside text in it
            (job.id, row_ids, *([job.as_of] if free else [])),
        )
        return [row for (row,) in cursor.fetchall()]


def _restock_judged(job: Import, row_ids: list[int], caller: Caller) -> int:
    """Change the stock of locked groups one by one, and return how many rows were refused.

    The rows are judged again, because a claim may have come or gone since the check, or staff may
    have changed the stock.
    """
    now = clock()
    rows = list(job.rows.filter(verdict=Verdict.CHANGED, id__in=row_ids))
    group_ids = [row.group_id for row in rows if row.group_id]
    groups, claims = TicketGroup.objects.in_bulk(group_ids), row_rules.claimed(group_ids, job)
    refused = 0
    for row in rows:
        group = groups[row.group_id]
        try:
            _, total = row_rules.judged(row, group, claims[group.id], job)
            row_rules.require_expected(row, group, total)
            seats, quantity = row_rules.listed_now(row, group, claims[group.id])
            restock(
                group,
                seats,
                quantity,
                claims=claims[group.id].now,
                free_only=counts_free(job),
                now=now,
                caller=caller,
            )
        except Contradiction as error:
            job.rows.filter(verdict=Verdict.CHANGED, id=row.id).update(
                verdict=Verdict.REFUSED, problems=[str(error)]
            )
            refused += 1
    return refused


def _change_locked(
    job: Import, group_ids: set[int], judged: list[int], last: int, caller: Caller
) -> int:
    """Change locked groups in one statement, and return how many rows were applied.

    The stock of the groups in `judged` has been changed already, and only their other fields are
    written here.
    """
    facts = ", ".join(f"{name} = b.{name}" for name in ("event_id", *compared(job)))
    restocked = (
        "NOT b.judged AND (g.quantity <> b.quantity OR g.seats <> b.seats::varchar[]"
        " AND NOT (g.seats @> b.seats::varchar[] AND g.seats <@ b.seats::varchar[]))"
    )
    # The same rule as seats.stride_after. b.stride is the stride that follows from the new list.
    stride = (
        "(CASE WHEN g.stride IS NULL OR NOT g.seats && b.seats::varchar[] OR b.stride = 1"
        " THEN b.stride ELSE g.stride END)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH batch AS (
                DELETE FROM inventory_importrow
                WHERE job_id = %s AND verdict = 'changed' AND id <= %s AND group_id = ANY(%s)
                RETURNING *, group_id = ANY(%s) AS judged),
            changed AS (
                UPDATE inventory_ticketgroup g
                SET {facts}, listed = true,
                    seats = CASE WHEN {restocked} THEN b.seats ELSE g.seats END,
                    stride = CASE WHEN {restocked} THEN {stride} ELSE g.stride END,
                    quantity = CASE WHEN {restocked} THEN b.quantity ELSE g.quantity END,
                    entries = g.entries + ({restocked})::integer
                FROM batch b JOIN inventory_ticketgroup was ON was.id = b.group_id
                WHERE g.id = b.group_id
                RETURNING g.id, g.broker_id, g.entries, g.seats, g.quantity, g.held, g.sold,
                    g.quantity - was.quantity AS more, g.entries > was.entries AS restocked),
            written AS (
                {INSERT_ENTRIES}
                SELECT broker_id, id, entries, 'stocked', more, seats, '', quantity, held, sold,
                    %s, %s, clock_timestamp()
                FROM changed WHERE restocked)
            SELECT count(*) FROM batch
            """,  # noqa: S608  column names only
            (job.id, last, list(group_ids), judged, caller.name, caller.request_id),
        )
        return int(cursor.fetchone()[0])


def unlist(job: Import, after: int, caller: Caller) -> int | None:
    """Unlist a batch of groups that are missing from a snapshot. Their claims are kept."""
    rows, last = _next(job, Verdict.VANISHED, after)
    locked = TicketGroup.objects.lock_unless_busy(rows.values())
    if locked:
        TicketGroup.objects.filter(id__in=locked).update(listed=False)
        done = [row for row, group in rows.items() if group in locked]
        job.rows.filter(verdict=Verdict.VANISHED, id__in=done).delete()
        job.count_batch(applied=len(done), refused=0, of="vanished")
    return last


def _next(job: Import, verdict: Verdict, after: int) -> tuple[dict[int, int], int | None]:
    """Return the groups of the next remaining rows by row id, and the last row id.

    The last row id is None where there are no more rows.
    """
    left = job.rows.filter(verdict=verdict, id__gt=after).order_by("id")
    rows = {row: group or 0 for row, group in left.values_list("id", "group_id")[:LOCKED_AT_ONCE]}
    return rows, max(rows, default=None)
