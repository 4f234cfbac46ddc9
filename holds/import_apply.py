"""Applying a checked book: in batches, each a short transaction over rows that really change."""

import time
from datetime import date, datetime
from datetime import time as hour

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from holds.claims import clock
from holds.import_check import (
    ALWAYS,
    OPTIONAL,
    Progress,
    compared,
    counts_free,
    no_progress,
    require_place,
)
from holds.stock import claims_of, restock
from inventory.event_match import Listed, match
from inventory.imports import Import, ImportRow, ImportState, Verdict
from inventory.models import Caller, TicketGroup
from inventory.restock import Contradiction
from inventory.transactions import short_transaction

# Rows a transaction: of new groups, which nobody calls for yet, and of groups that are locked.
_NEW_AT_ONCE = 2000
_LOCKED_AT_ONCE = 200
# Seconds between two tries while calls keep every group of a batch locked, and how many tries.
_PAUSE, _TRIES = 0.05, 100


def apply(
    book: Import, *, caller: Caller, seconds: float | None = None, progress: Progress = no_progress
) -> Import:
    """Apply what is left of a checked import; stop after `seconds` where they are given.

    Stopped anywhere, `applied` says how far it came, and another call goes on from there. Rows
    that have become contradictions since the check are refused then. An import that is done or
    refused stays as it is.
    """
    end = None if seconds is None else time.monotonic() + seconds
    if book.state == ImportState.CHECKED:
        _make_events(book)
    tries = 0
    while book.state == ImportState.APPLYING and tries < _TRIES:
        if end is not None and time.monotonic() > end:
            break
        done = _add_new(book, caller) or _change(book, caller)
        book.refresh_from_db()
        progress("applying", book.applied, book.to_apply)
        if done:
            tries = 0
        elif ImportRow.objects.pending(book).exists():
            tries += 1
            time.sleep(_PAUSE)
        else:
            book.state = ImportState.DONE
            _close(book)
    return book


def drop(book: Import) -> None:
    """End a checked import without applying it; only what was refused is kept of its rows."""
    book.state = ImportState.DRY_RUN
    _close(book)


def _make_events(book: Import) -> None:
    """Write the events that are new or announced, and point the rows of new ones to them."""
    listed = [
        Listed(
            name,
            venue,
            date.fromisoformat(day) if day else None,
            hour.fromisoformat(start) if start else None,
        )
        for name, venue, day, start in book.events
    ]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        made = []
        for one, (event, unsaved) in match(listed, book.broker).items():
            if unsaved:
                event.save()
            made.append((*one, event.pk))
        cursor.execute(
            """
            UPDATE inventory_importrow r SET event_id = m.event_id
            FROM unnest(%s::text[], %s::text[], %s::date[], %s::time[], %s::bigint[])
                AS m (name, venue, date, time, event_id)
            WHERE r.book_id = %s AND r.event_id IS NULL AND r.verdict <> 'vanished'
                AND r.event_name = m.name AND r.venue = m.venue
                AND r.date IS NOT DISTINCT FROM m.date AND r.time IS NOT DISTINCT FROM m.time
            """,
            (*(list(column) for column in zip(*made, strict=True) if made), book.id)
            if made
            else ([], [], [], [], [], book.id),
        )
        book.state = ImportState.APPLYING
        book.save(update_fields=["state"])


def _add_new(book: Import, caller: Caller) -> int:
    """Stock a batch of groups that the broker does not have yet; return how many rows are done."""
    columns = ", ".join(("remote_id", "event_id", "seats", "quantity", *ALWAYS))
    optional = {name: _default(name) for name in OPTIONAL}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH batch AS (
                SELECT * FROM inventory_importrow
                WHERE book_id = %s AND verdict = 'new' AND NOT applied ORDER BY id LIMIT %s),
            made AS (
                INSERT INTO inventory_ticketgroup (broker_id, {columns}, {", ".join(optional)},
                    listed, held, sold, entries)
                SELECT %s, {columns},
                    {", ".join(f"coalesce({n}, {d})" for n, d in optional.items())},
                    true, 0, 0, 1
                FROM batch
                ON CONFLICT (broker_id, remote_id) DO NOTHING
                RETURNING id, remote_id, quantity, seats),
            written AS (
                INSERT INTO inventory_ledgerentry (group_id, number, effect, tickets, seats,
                    global_id, quantity, held, sold, asked_by, request_id, at)
                SELECT id, 1, 'stocked', quantity, seats, '', quantity, 0, 0, %s, %s,
                    clock_timestamp()
                FROM made)
            UPDATE inventory_importrow SET applied = true,
                verdict = CASE WHEN remote_id IN (SELECT remote_id FROM made)
                    THEN verdict ELSE 'refused' END,
                problems = CASE WHEN remote_id IN (SELECT remote_id FROM made)
                    THEN problems
                    ELSE ARRAY['The ticket group was made by somebody else meanwhile.'] END
            WHERE id IN (SELECT id FROM batch)
            RETURNING verdict
            """,  # noqa: S608  column names only
            (book.id, _NEW_AT_ONCE, book.broker_id, caller.name, caller.request_id),
        )
        verdicts = [row[0] for row in cursor.fetchall()]
        _note(book, applied=verdicts.count("new"), refused=verdicts.count("refused"), of="new")
    return len(verdicts)


def _default(column: str) -> str:
    """What a group has where the file is silent, in SQL."""
    return {
        "on_sale": "true",
        "cost": "NULL",
        "face_value": "NULL",
        "in_hand_on": "NULL",
        "split_rule": "'any'",
        "split_quantities": "'{}'",
    }.get(column, "''")


def _change(book: Import, caller: Caller) -> int:
    """Change a batch of groups under their locks; return how many rows are done.

    Groups that a call has locked are passed over: the next round finds them again.
    """
    pending = (
        "SELECT group_id FROM inventory_importrow"
        " WHERE book_id = %s AND verdict IN ('changed', 'vanished') AND NOT applied"
    )
    with short_transaction(
        "SELECT id, held + sold FROM inventory_ticketgroup"  # noqa: S608  no outside text in it
        f" WHERE id IN ({pending}) ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        (book.id, _LOCKED_AT_ONCE),
    ) as locked:
        now = clock()
        unlisted = _unlist(book, [group_id for group_id, _ in locked])
        unclaimed = _change_unclaimed(book, [i for i, claimed in locked if not claimed], caller)
        with_claims = [group_id for group_id, claimed in locked if claimed]
        claimed, refused = _change_claimed(book, with_claims, now, caller)
        done = unlisted + unclaimed + claimed
        _note(book, applied=done, refused=refused, of="changed")
    return done + refused


def _unlist(book: Import, group_ids: list[int]) -> int:
    """Take locked groups off sale that a snapshot does not have; claims are untouched."""
    rows = book.rows.filter(verdict=Verdict.VANISHED, applied=False, group_id__in=group_ids)
    vanished = list(rows.values_list("group_id", flat=True))
    if vanished:
        TicketGroup.objects.filter(id__in=vanished).update(listed=False)
        rows.update(applied=True)
    return len(vanished)


def _change_unclaimed(book: Import, group_ids: list[int], caller: Caller) -> int:
    """Give locked groups without claims what their rows say, all in one statement."""
    if not group_ids:
        return 0
    columns = ("event_id", "seats", "quantity", *compared(book))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH batch AS (
                UPDATE inventory_importrow SET applied = true
                WHERE book_id = %s AND verdict = 'changed' AND NOT applied
                    AND group_id = ANY(%s)
                RETURNING *),
            was AS (
                SELECT id, seats, quantity FROM inventory_ticketgroup WHERE id = ANY(%s)),
            changed AS (
                UPDATE inventory_ticketgroup g
                SET {", ".join(f"{name} = b.{name}" for name in columns)}, listed = true,
                    entries = entries
                        + (g.seats <> b.seats::varchar[] OR g.quantity <> b.quantity)::integer
                FROM batch b WHERE g.id = b.group_id
                RETURNING g.id, g.entries, g.seats, g.quantity, g.held, g.sold),
            written AS (
                INSERT INTO inventory_ledgerentry (group_id, number, effect, tickets, seats,
                    global_id, quantity, held, sold, asked_by, request_id, at)
                SELECT id, entries, 'stocked', changed.quantity - was.quantity, changed.seats, '',
                    changed.quantity, held, sold, %s, %s, clock_timestamp()
                FROM changed JOIN was USING (id)
                WHERE changed.seats <> was.seats OR changed.quantity <> was.quantity)
            SELECT count(*) FROM batch
            """,  # noqa: S608  column names only
            (book.id, group_ids, group_ids, caller.name, caller.request_id),
        )
        return int(cursor.fetchone()[0])


def _change_claimed(
    book: Import, group_ids: list[int], now: datetime, caller: Caller
) -> tuple[int, int]:
    """The same for locked groups with claims, one by one; return how many done, how many refused.

    Judged again: a claim may have come since the check.
    """
    rows = book.rows.filter(verdict=Verdict.CHANGED, applied=False, group_id__in=group_ids)
    groups, claims = TicketGroup.objects.in_bulk(group_ids), claims_of(group_ids)
    done = refused = 0
    for row in rows:
        group = groups[row.group_id]
        live = claims.get(group.id, [])
        try:
            require_place(row, group, live)
            restock(
                group,
                row.seats,
                row.quantity,
                claims=live,
                free_only=counts_free(book),
                now=now,
                caller=caller,
            )
        except Contradiction as error:
            row.verdict, row.problems = Verdict.REFUSED, [str(error)]
            refused += 1
        else:
            facts = {name: getattr(row, name) for name in compared(book)}
            TicketGroup.objects.filter(id=group.id).update(
                event_id=row.event_id, listed=True, **facts
            )
            done += 1
        row.applied = True
        row.save(update_fields=["verdict", "problems", "applied"])
    return done, refused


def _note(book: Import, *, applied: int, refused: int, of: str) -> None:
    """Count what a batch has done; what it refused is no longer `of` that verdict."""
    Import.objects.filter(id=book.id).update(
        applied=F("applied") + applied, refused=F("refused") + refused, **{of: F(of) - refused}
    )


def _close(book: Import) -> None:
    book.finished_at = timezone.now()
    with transaction.atomic(durable=True):
        book.rows.exclude(verdict=Verdict.REFUSED).delete()
        book.save(update_fields=["state", "finished_at"])
