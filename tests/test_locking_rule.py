"""Rows are locked in few places, so that a reader can check that every effect locks first."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = re.compile(r"select_for_update|FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE")
# Ticket groups and events by their managers; imports and API keys have rows of their own.
ALLOWED = {
    "inventory/models/ticket_group_locks.py",
    "inventory/models/events.py",
    "holds/imports/locks.py",
    "automator/models.py",
}


def test_rows_are_locked_in_these_modules_and_nowhere_else() -> None:
    modules = [
        path
        for app in ("automator", "holds", "inventory", "invoices")
        for path in (ROOT / app).rglob("*.py")
        if "bench" not in path.parts  # other services, to compare with
    ]
    locking = {str(path.relative_to(ROOT)) for path in modules if LOCK.search(path.read_text())}

    assert len(modules) > 100
    assert locking == ALLOWED
