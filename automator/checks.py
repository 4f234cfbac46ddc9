"""What the database must be, asked of itself: `manage.py check --database default`, and migrate."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.db import connection

from inventory.transactions import TIME_LIMITS, short_transaction

OLDEST = 15  # NULLS NOT DISTINCT; the limits need 14
ISOLATION = "read committed"
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


@register(Tags.database)
def database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Errors where a call would not be safe, warnings where an answer would not be durable."""
    if "default" not in (databases or ()):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        version: int = cursor.fetchone()[0]
    if version < OLDEST:
        hint = f"Use {OLDEST} or newer."
        return [Error(f"The server is PostgreSQL {version}.", hint=hint, id="automator.E001")]
    return _read_back()


def _read_back() -> list[CheckMessage]:
    """Compare what a call's transaction is to have with what PostgreSQL says it has."""
    names = [*TIME_LIMITS, "transaction_isolation", *DURABLE]
    with short_transaction("SELECT 1", ()), connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) name", (names,))
        found: dict[str, str] = dict(cursor.fetchall())
    messages: list[CheckMessage] = [
        Error(
            f"In a call's transaction {name} is {found[name]}, not {limit}.",
            hint="Does a pooler drop SET LOCAL, or split a transaction?",
            id="automator.E002",
        )
        for name, limit in TIME_LIMITS.items()
        if found[name] != limit
    ]
    if found["transaction_isolation"] != ISOLATION:
        messages.append(
            Error(
                f"A call's transaction is {found['transaction_isolation']}, not {ISOLATION}.",
                hint="The locks are written for it: anything else fails where it need not.",
                id="automator.E003",
            )
        )
    return messages + [
        Caution(
            f"{name} is off: a crash can lose calls that were answered.",
            hint="Turn it on, unless nobody relies on the answers.",
            id="automator.W001",
        )
        for name in DURABLE
        if found[name] == "off"
    ]
