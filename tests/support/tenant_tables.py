"""The tables of brokers as the catalogue has them, and the same tables partitioned by broker."""

from typing import Any

from django.db import connection

DJANGO = "Django's own, with nothing of a broker in it"
# The tables that are not a broker's, and why. Every other table has `broker_id` in all its keys.
NOT_A_BROKERS = {
    "inventory_broker": "the brokers themselves",
    "automator_apikey": "the broker of a call is found by the id of its key",
    "automator_user": "the broker of a user is found by the name under which the user logs in",
    "automator_user_groups": DJANGO,
    "automator_user_user_permissions": DJANGO,
    "automator_loginattempt": "an attempt is recorded before it is known who the user is",
    "auth_group": DJANGO,
    "auth_group_permissions": DJANGO,
    "auth_permission": DJANGO,
    "django_admin_log": DJANGO,
    "django_content_type": DJANGO,
    "django_migrations": DJANGO,
    "django_session": DJANGO,
}
TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""
PARTITIONS = 4
# Partitioned tables cannot have identity columns or exclusion constraints before.
OLDEST_TO_PARTITION = 170_000
# The tables that have rows of their own. Some are partitions already, by another column.
WITH_ROWS = """
    SELECT relname, CASE relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE '' END,
        coalesce('WITH (' || array_to_string(reloptions, ', ') || ')', ''),
        format('PARTITION OF %%s %%s', inhparent::regclass, pg_get_expr(relpartbound, oid)),
        relispartition
    FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
    WHERE oid = ANY (%(tables)s::regclass[]) AND relkind = 'r'
"""
# The statements that give tables their constraints, indexes and triggers, with primary keys after
# the other indexes, as the migrations have it. Checks are left out, since LIKE copies them, and so
# is what a partition has from its table.
STATEMENTS = """
    SELECT statement FROM (
        SELECT strpos('ux pf', contype::text), format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',
            conrelid::regclass, conname, pg_get_constraintdef(oid)), oid
        FROM pg_constraint
        WHERE conrelid = ANY (%(tables)s::regclass[]) AND contype IN ('p', 'u', 'x', 'f')
            AND conparentid = 0
        UNION ALL SELECT 3, pg_get_indexdef(indexrelid), indexrelid FROM pg_index
        WHERE indrelid = ANY (%(tables)s::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        UNION ALL SELECT 6, pg_get_triggerdef(oid), oid FROM pg_trigger
        WHERE tgrelid = ANY (%(tables)s::regclass[]) AND NOT tgisinternal
    ) statements (step, statement, number) ORDER BY step, number
"""


def rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall())


def column(statement: str, **parameters: Any) -> list[Any]:
    return [value for (value,) in rows(statement, **parameters)]


def brokers_tables() -> list[str]:
    """The names of all tables and partitions that are a broker's."""
    tables = column(TABLES)
    assert set(tables) >= set(NOT_A_BROKERS)
    return [name for name in tables if name not in NOT_A_BROKERS]


def renew_primary_key(table: str) -> None:
    """Make a primary key the newest index of its table again, and the foreign keys that need it."""
    keys = column(
        """
        SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
            pg_get_constraintdef(oid))
        FROM pg_constraint
        WHERE conrelid = %(table)s::regclass AND contype = 'p' OR confrelid = %(table)s::regclass
        ORDER BY contype DESC
        """,
        table=table,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey CASCADE")
        for key in keys:
            cursor.execute(key)


def partition_by_broker() -> None:
    """Make every broker's table anew, partitioned by hash of the broker. The tables must be empty.

    Columns, checks, keys, indexes and triggers are those of the catalogue, so that none can be
    forgotten here.
    """
    tables = [name for name, *_ in rows(WITH_ROWS, tables=brokers_tables())]
    found = rows(WITH_ROWS, tables=tables)
    statements = column(STATEMENTS, tables=tables)
    with connection.cursor() as cursor:
        for name, unlogged, options, partition, is_partition in found:
            cursor.execute(f"ALTER TABLE {name} RENAME TO {name}_whole")
            if is_partition:
                cursor.execute(f"DROP TABLE {name}_whole")
                columns = partition
            else:
                columns = f"(LIKE {name}_whole INCLUDING ALL EXCLUDING INDEXES)"
            cursor.execute(f"CREATE TABLE {name} {columns} PARTITION BY HASH (broker_id)")
            for number in range(PARTITIONS):
                cursor.execute(
                    f"CREATE {unlogged} TABLE {name}_{number} PARTITION OF {name}"
                    f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number}) {options}"
                )
        for name, *_, is_partition in found:
            if not is_partition:
                cursor.execute(f"DROP TABLE {name}_whole CASCADE")
        for statement in statements:
            cursor.execute(statement)
