"""Migrations, on a database of their own: all the way back and forth again."""

from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from psycopg.conninfo import make_conninfo
from pytest_django import DjangoDbBlocker

from automator.management.commands import migrate
from tests.support.rivals import database_url

OURS = ("automator", "invoices", "holds", "inventory")
WHERE = ("host", "port", "user", "password", "dbname")
# Tables with their columns, constraints, indexes and storage; triggers and functions.
SHAPE = """
    SELECT 'column', table_name::text, column_name::text, data_type || is_nullable
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexname, indexdef
    FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'options', relname, '', reloptions::text
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', '', proname, prosrc
    FROM pg_proc JOIN pg_language ON pg_language.oid = prolang AND lanname IN ('sql', 'plpgsql')
    WHERE pronamespace = 'public'::regnamespace
"""


@pytest.fixture
def scratch(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The alias of a new and empty database."""
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
        name = f"{parameters['dbname']}_scratch"
        server = psycopg.connect(
            make_conninfo(**{key: parameters[key] for key in WHERE if key in parameters}),
            autocommit=True,
        )
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        connections.databases["scratch"] = {**connection.settings_dict, "NAME": name}
        yield "scratch"
        connections["scratch"].close()
        del connections["scratch"]
        del connections.databases["scratch"]
        server.execute(f'DROP DATABASE "{name}"')
        server.close()


def shape(alias: str) -> set[tuple[str, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(SHAPE)
        return set(cursor.fetchall())


def test_migrations_can_be_undone_and_done_again(scratch: str) -> None:
    call_command("migrate", database=scratch, verbosity=0)
    whole = shape(scratch)
    for app in OURS:
        call_command("migrate", app, "zero", database=scratch, verbosity=0)
    left = shape(scratch)
    call_command("migrate", database=scratch, verbosity=0)

    assert not {row for row in left if row[1].startswith(OURS) or row[0] == "function"}
    assert shape(scratch) == whole


def test_migration_waits_for_no_reader_and_tries_again(
    scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "ATTEMPTS", 2)
    monkeypatch.setattr(migrate, "PAUSE", 0)
    call_command("migrate", database=scratch, verbosity=0)

    class Terminal(StringIO):
        """What the reader sees, who leaves once they are asked to."""

        leaves = False

        def write(self, text: str) -> int:
            if self.leaves:
                reader.rollback()
            return super().write(text)

    told = Terminal()
    name = connections[scratch].settings_dict["NAME"]
    with psycopg.connect(make_conninfo(database_url(), dbname=name)) as reader:
        reader.execute("SELECT FROM holds_hold")
        with pytest.raises(CommandError, match=r"Gave up after 2 attempts: .* lock timeout"):
            call_command("migrate", "holds", "zero", database=scratch, verbosity=0, stderr=told)
        assert told.getvalue().count("Trying again in 0 s, attempt 2 of 2.") == 1
        assert any("holds_hold" in row[1] for row in shape(scratch))

        told.leaves = True
        call_command("migrate", "holds", "zero", database=scratch, verbosity=0, stderr=told)

    assert told.getvalue().count("Trying again") == 2
    assert not any("holds_hold" in row[1] for row in shape(scratch))
