"""Fills the databases set-wise: a few rows are made in the usual way, and multiplied in SQL.

The project's own commands make the first rows, so that the bench knows nothing of its tables but
their names. Copies of a ticket group have copies of all rows that refer to it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SEATS = 10  # of an ordinary group
# Every turn has a hot group of its own, since a turn leaves some holds behind.
HOT_GROUPS, BIG_GROUPS, BIG_SEATS = 100, 2000, 200
CHUNK = 50_000  # groups that one statement adds
PRICE = "40.00"
TEMPLATE = "template"
BIG = "big-0"
STALE = "stale-0"  # the group whose overdue hold is copied for the sweep
COLUMNS = (
    *("inventory_id", "event_name", "venue_name", "event_date", "event_id", "quantity"),
    *("section", "row", "seats", "list_price", "split_type"),
)
# The groups that every database has, whatever its size: by the beginning of their remote ids, the
# group that they are copies of, and how many there are.
COPIES = {"hot-": (BIG, HOT_GROUPS), "big-": (BIG, BIG_GROUPS)}
Progress = Callable[[str], None]
Groups = Iterable[tuple[str, int]]  # remote ids, and how many seats each group has


def labels(seats: int) -> list[str]:
    """Return the labels of so many seats."""
    return [str(number) for number in range(1, seats + 1)]


def templates() -> Iterator[tuple[str, int]]:
    """Yield the remote id and the number of seats of each group that is copied."""
    yield from ((TEMPLATE, SEATS), (STALE, SEATS), (BIG, BIG_SEATS))


def write_book(path: Path, groups: Groups, *, price: str = PRICE) -> None:
    """Write a file for `import_inventory`, whose event is next year."""
    year = datetime.now(UTC).year + 1
    with path.open("w", newline="") as file:
        book = csv.writer(file)
        book.writerow(COLUMNS)
        for remote_id, seats in groups:
            where = ("The Bench", "Test Hall", f"{year}-06-01T19:30:00", "1")
            listed = ",".join(labels(seats))
            book.writerow((remote_id, *where, seats, "101", "A", listed, price, "ANY"))


def multiply(
    connection: "psycopg.Connection[Any]",
    *,
    template: str,
    prefix: str,
    first: int,
    last: int,
    progress: Progress,
    overrides: dict[str, str],
) -> bool:
    """Copy a ticket group of the project, with all rows that refer to it.

    Returns False if there is no such group.

    Args:
        connection: a connection of a superuser, for whom no trigger runs here: the audit checks the
            copies at the end.
        template: the remote id of the group to copy.
        prefix: the copies have the remote ids PREFIX1, PREFIX2, …
        first: the number of the first copy.
        last: the number of the last copy.
        progress: called with a sentence for each chunk.
        overrides: SQL for columns of the copied rows that differ from the template's, by name; `n`
            is the number of the copy, and `old` the row of the template.
    """
    remote_id = f"{sql.Literal(prefix).as_string()} || n"
    special = {"remote_id": remote_id, **overrides}
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        found = connection.execute(
            "SELECT id FROM inventory_ticketgroup WHERE remote_id = %s", (template,)
        ).fetchone()
        if not found:
            return False
        group_id = found[0]
        [(top,)] = connection.execute("SELECT max(id) FROM inventory_ticketgroup").fetchall()
        base = f"{top} - {first - 1} + n"
        copied = [("inventory_ticketgroup", "id"), *_referring(connection, group_id)]
        for start in range(first, last + 1, CHUNK):
            end = min(start + CHUNK - 1, last)
            for table, column in copied:
                statement = _copying(connection, table, {**special, column: base}, column)
                connection.execute(statement, (start, end, group_id))
            progress(f"{end:,} of {last:,} groups")
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('inventory_ticketgroup', 'id'),"
            " (SELECT max(id) FROM inventory_ticketgroup))"
        )
    return True


def _referring(connection: "psycopg.Connection[Any]", group_id: int) -> Iterator[tuple[str, str]]:
    """Yield the tables with rows that refer to a group, each with its column for the group."""
    keys = connection.execute(
        "SELECT conrelid::regclass::text, attname FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND confrelid = 'inventory_ticketgroup'::regclass ORDER BY 1"
    ).fetchall()
    for table, column in keys:
        found = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} = %s)").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        [(exists,)] = connection.execute(found, (group_id,)).fetchall()
        if exists:
            yield table, column


def _copying(
    connection: "psycopg.Connection[Any]", table: str, special: dict[str, str], key: str
) -> sql.Composed:
    """Return the statement that copies the rows of one group.

    Its parameters are the first and the last `n`, and the id of the group.

    Generated columns and ids are left to PostgreSQL, unless the id is the group's own.
    """
    columns = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' AND (attidentity = '' OR attname = %s)"
        " ORDER BY attnum",
        (table, key),
    ).fetchall()
    names = [name for (name,) in columns]
    values = [
        sql.SQL(special[name]) if name in special else sql.Identifier("old", name) for name in names
    ]
    return sql.SQL(
        "INSERT INTO {} ({}) SELECT {} FROM {} old, generate_series(%s::int, %s::int) n"
        " WHERE old.{} = %s"
    ).format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(values),
        sql.Identifier(table),
        sql.Identifier(key),
    )


def fill_narrow(
    connection: "psycopg.Connection[Any]", *, key_hash: str, groups: int, progress: Progress
) -> None:
    """Add the same groups to the tables of the other contestants."""
    connection.execute("INSERT INTO broker VALUES (1, %s, 3600, 'USD')", (key_hash,))
    for prefix, seats, copies in (
        *((prefix, BIG_SEATS, copies) for prefix, (_, copies) in COPIES.items()),
        ("g-", SEATS, groups),
    ):
        for start in range(1, copies + 1, CHUNK):
            end = min(start + CHUNK - 1, copies)
            connection.execute(
                "INSERT INTO ticket_group (broker_id, remote_id, section, row_name, seats,"
                " quantity, price) SELECT 1, %s || n, '101', 'A', %s, %s, %s"
                " FROM generate_series(%s::int, %s::int) n",
                (prefix, labels(seats), seats, PRICE, start, end),
            )
            progress(f"{end:,} of {copies:,} groups")
