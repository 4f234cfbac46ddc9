"""Checks after a run that every contestant has kept its promises."""

import subprocess
import sys

from automator.bench.arena import Arena
from automator.bench.checkout import environment
from automator.bench.services import Contestant

# For the narrow tables. Each query counts violations.
NARROW_CHECKS = {
    "counters of groups that differ from their holds": """
        SELECT count(*) FROM ticket_group g LEFT JOIN (
            SELECT group_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0) held,
                coalesce(sum(quantity) FILTER (WHERE state = 'invoiced'), 0) sold
            FROM hold GROUP BY group_id) h ON h.group_id = g.id
        WHERE (g.held, g.sold) <> (coalesce(h.held, 0), coalesce(h.sold, 0))""",
    "groups whose ledger has gaps or another number of entries": """
        SELECT count(*) FROM ticket_group g LEFT JOIN (
            SELECT group_id, count(*) entries, max(number) last FROM ledger GROUP BY group_id
        ) l ON l.group_id = g.id
        WHERE (g.entries, g.entries) <> (coalesce(l.entries, 0), coalesce(l.last, 0))""",
    "groups whose last ledger entry has other counters": """
        SELECT count(*) FROM ticket_group g
        JOIN ledger l ON l.group_id = g.id AND l.number = g.entries
        WHERE (g.held, g.sold) <> (l.held, l.sold)""",
    "holds that claim other tickets than they have": """
        SELECT count(*) FROM hold JOIN ticket_group g ON g.id = group_id
        WHERE upper(positions) - lower(positions) <> hold.quantity
            OR upper(positions) > g.quantity""",
    "live holds with seats in common": """
        SELECT count(*) FROM hold a JOIN hold b ON a.group_id = b.group_id AND a.id < b.id
            AND a.positions && b.positions
        WHERE a.state IN ('held', 'invoiced') AND b.state IN ('held', 'invoiced')""",
    "sales without an invoice, or invoices without a sale": """
        SELECT count(*) FROM (SELECT id FROM hold WHERE state = 'invoiced') h
        FULL JOIN invoice i ON i.hold_id = h.id WHERE h.id IS NULL OR i.id IS NULL""",
}


def differences(arena: Arena, contestant: Contestant) -> list[str]:
    """Return what a contestant's database has that must not be. Nothing should write to it now.

    The project is checked by its own command, in its own checkout.
    """
    if not contestant.narrow:
        return _of_project(arena, contestant)
    found = []
    with arena.database.connect(contestant.database) as connection:
        for name, query in NARROW_CHECKS.items():
            [(number,)] = connection.execute(query.encode()).fetchall()
            if number:
                found.append(f"{number} {name}")
    return found


def _of_project(arena: Arena, contestant: Contestant) -> list[str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "audit_inventory"],
        check=False,
        cwd=contestant.checkout,
        env=environment(DATABASE_URL=arena.url(contestant)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if not done.returncode:
        return []
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    return [line for line in lines if line.strip()][:100]
