"""System checks of the database server's version and settings.

They run in `manage.py check --database default` and in `manage.py migrate`.
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.db import connection

from inventory.database.trips import Statement
from inventory.transactions import TIME_LIMITS, short_transaction

OLDEST = 15  # for NULLS NOT DISTINCT; the time limits need 14
ISOLATION = "read committed"
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


@register(Tags.database)
def database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check the server behind the default connection.

    Returns errors for settings with which calls are not safe, and warnings for settings with which
    a crash could lose calls that were answered.
    """
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
    """Compare the settings that a call's transaction needs with those that PostgreSQL reports."""
    names = [*TIME_LIMITS, "transaction_isolation", *DURABLE]
    with short_transaction(Statement("nothing", "SELECT 1")()), connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) name", (names,))
        found: dict[str, str] = dict(cursor.fetchall())
    messages: list[CheckMessage] = [
        Error(
            f"In a call's transaction {name} is {found[name]}, not {limit}.",
            hint="A connection pooler may drop SET LOCAL or split a transaction.",
            id="automator.E002",
        )
        for name, limit in TIME_LIMITS.items()
        if found[name] != limit
    ]
    if found["transaction_isolation"] != ISOLATION:
        messages.append(
            Error(
                f"A call's transaction is {found['transaction_isolation']}, not {ISOLATION}.",
                hint="The locking rules require it: other levels fail calls that could succeed.",
                id="automator.E003",
            )
        )
    return messages + [
        Caution(
            f"{name} is off: a crash can lose calls that were answered.",
            hint="Turn it on unless no caller relies on the answers.",
            id="automator.W001",
        )
        for name in DURABLE
        if found[name] == "off"
    ]
