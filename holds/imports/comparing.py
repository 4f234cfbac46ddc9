"""Compares a staged book with the inventory, and finds what is new, changed or vanished."""

from datetime import date, time
from itertools import islice

from django.db import connection
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from holds.imports.row_rules import claimed, compared, counts_free, differences, judged
from holds.imports.staging import STAGED
from inventory.event_match import Listed, match
from inventory.models import Effect, LedgerEntry, TicketGroup
from inventory.models.imports import Import, ImportRow, Verdict
from inventory.stock_rules import Contradiction

# The number of groups with claims that are judged at once.
_JUDGED = 1000
_FACTS = ", ".join(STAGED)
# Gives PostgreSQL enough memory for a large book, and rules out nested loops. The statistics lag
# behind for a new broker: where one row is expected and there are a hundred thousand, a nested loop
# would compare each row with each.
_WHOLE_TABLES = (
    "SELECT set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true),"
    " set_config('jit', 'off', true)"
)


def match_events(job: Import, events: list[Listed]) -> None:
    """Match the events of a file with those of the inventory, and keep the changes in the import.

    The import keeps the events that are new, and those whose date or time the file announces. New
    events get their ids now, so that the rows can refer to them.
    """
    meant = match(events, job.broker)
    with connection.cursor() as cursor:
        new = {id(event): event for event, unsaved in meant.values() if unsaved and not event.pk}
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('inventory_event', 'id'))"
            " FROM generate_series(1, %s)",
            (len(new),),
        )
        for event, (number,) in zip(new.values(), cursor.fetchall(), strict=True):
            event.pk = number
        cursor.execute(
            "CREATE TEMPORARY TABLE meant (listing integer, event_name text, venue text,"
            " date date, time time, event_id bigint) ON COMMIT DROP"
        )
        with cursor.copy("COPY meant FROM STDIN") as copy:
            for number, listed in enumerate(events):
                copy.write_row((number, *listed, meant[listed].event.pk))
        cursor.execute("ANALYZE meant")
    job.events = [
        [listed.name, listed.venue, _text(listed.date), _text(listed.time), event.pk]
        for listed, (event, unsaved) in meant.items()
        if unsaved
    ]


def _text(value: date | time | None) -> str | None:
    return value.isoformat() if value else None


def compare(job: Import) -> None:
    """Store the rows that create or change a group, by one comparison of the whole file.

    A group that has the same seats in another order keeps its order.
    """
    differs = " OR ".join(f"g.{name} IS DISTINCT FROM i.{name}" for name in compared(job))
    # `judge_claimed` decides what a count of free tickets means for a group with claims.
    free = "g.seats = '{}' AND g.held + g.sold > 0" if counts_free(job) else "false"
    same_seats = "(g.seats @> i.seats::varchar[] AND g.seats <@ i.seats::varchar[])"
    facts = ", ".join(f"i.{name}" for name in STAGED)
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE_TABLES)
        cursor.execute(
            f"""
            INSERT INTO inventory_importrow (broker_id, job_id, verdict, group_id, event_id,
                event_name, venue, date, time, cells, problems, growth, {_FACTS})
            SELECT %s, %s, CASE WHEN g.id IS NULL THEN 'new' ELSE 'changed' END, g.id, m.event_id,
                m.event_name, m.venue, m.date, m.time, '{{}}', '{{}}',
                greatest(i.quantity - g.quantity, 0), {facts}
            FROM incoming i JOIN meant m USING (listing)
            LEFT JOIN inventory_ticketgroup g ON g.broker_id = %s AND g.remote_id = i.remote_id
            WHERE i.problems IS NULL AND (g.id IS NULL OR NOT g.listed OR {differs}
                OR g.event_id <> m.event_id OR g.quantity <> i.quantity OR {free}
                OR g.seats <> i.seats::varchar[] AND NOT {same_seats})
            ORDER BY i.line
            """,  # noqa: S608  column names only
            (job.broker_id, job.id, job.broker_id),
        )


def keep_refused(job: Import) -> None:
    """Store the rows that could not be read, with the reasons."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO inventory_importrow
                (broker_id, job_id, verdict, event_name, venue, cells, problems, {_FACTS})
            SELECT %s, %s, 'refused', '', '', cells, problems, {_FACTS} FROM incoming
            WHERE problems IS NOT NULL ORDER BY line
            """,  # noqa: S608  column names only
            (job.broker_id, job.id),
        )


def can_vanish(job: Import) -> Q:
    """Return a filter for the groups that have vanished if they are missing from a snapshot.

    A snapshot that counts only free tickets does not have groups in which nothing is free. Groups
    without free tickets, whether now or at the moment of the file, are therefore left out.
    """
    if not counts_free(job):
        return Q(listed=True, quantity__gt=0)  # no file can list a group without tickets
    then = LedgerEntry.objects.filter(group=OuterRef("id"), at__lte=job.as_of)
    last = then.order_by("-number").annotate(free=F("quantity") - F("held") - F("sold"))
    free_then = Coalesce(Subquery(last.values("free")[:1]), 1)  # 1: the group was made since
    for_sale = TicketGroup.objects.filter(broker=job.broker).for_sale()
    return Q(id__in=for_sale.alias(free_then=free_then).filter(free_then__gt=0).values("id"))


def find_vanished(job: Import) -> None:
    """Store a row for each group that is missing from a snapshot.

    A refused row without a readable id may belong to any group whose id one of its cells has. These
    groups do not count as missing.
    """
    expected = TicketGroup.objects.filter(can_vanish(job), broker=job.broker).values("id")
    sql, parameters = expected.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO inventory_importrow (broker_id, job_id, verdict, group_id, line, remote_id,
                cells, problems, event_name, venue, seats, quantity, section, row, split_rule,
                split_quantities, price)
            SELECT %s, %s, 'vanished', g.id, 0, g.remote_id, '{{}}', '{{}}', '', '', '{{}}', 0,
                g.section, g.row, '', '{{}}', g.price
            FROM inventory_ticketgroup g
            WHERE g.id IN ({sql})
                AND NOT EXISTS (SELECT FROM incoming i WHERE i.remote_id = g.remote_id)
                AND NOT EXISTS (
                    SELECT FROM incoming i, unnest(i.cells) cell,
                        unnest(regexp_split_to_array(cell, '[,;\t]') || cell) part
                    WHERE i.remote_id = '' AND btrim(part, %s) = g.remote_id)
            ORDER BY g.id
            """,  # noqa: S608  no outside text in it
            (job.broker_id, job.id, *parameters, " \"'"),
        )


def judge_claimed(job: Import) -> None:
    """Decide for each row of a group with claims whether it is refused, changed or unchanged."""
    groups = TicketGroup.objects.filter(broker=job.broker)
    to_judge = Q(group_id__in=groups.claimed().values("id"))
    if counts_free(job):  # tickets claimed at the file's moment are not in it
        since = LedgerEntry.objects.filter(group__broker=job.broker, at__gt=job.as_of)
        to_judge |= Q(group_id__in=since.exclude(effect=Effect.STOCKED).values("group_id"))
    changed = job.rows.filter(verdict=Verdict.CHANGED)
    ids = iter(list(changed.filter(to_judge).values_list("id", flat=True)))
    while some := list(islice(ids, _JUDGED)):
        _judge(job, list(changed.filter(id__in=some)))


def _judge(job: Import, rows: list[ImportRow]) -> None:
    group_ids = [row.group_id for row in rows]
    groups = TicketGroup.objects.select_related("event").in_bulk(group_ids)
    claims = claimed(group_ids, job)
    changed = job.rows.filter(verdict=Verdict.CHANGED)
    nothing = []
    for row in rows:
        group = groups[row.group_id]
        try:
            seats, quantity = judged(row, group, claims[group.id], job)
        except Contradiction as error:
            changed.filter(id=row.id).update(verdict=Verdict.REFUSED, problems=[str(error)])
            continue
        growth = max(quantity - group.quantity, 0)
        if (seats, quantity) == (group.seats, group.quantity) and not differences(row, group, job):
            nothing.append(row.id)
        elif growth != row.growth:
            changed.filter(id=row.id).update(growth=growth)
    changed.filter(id__in=nothing).delete()
