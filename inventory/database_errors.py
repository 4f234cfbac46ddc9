"""Puts errors of the database into one line, for the messages of commands."""

from django.db import Error, InterfaceError, OperationalError
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg import errors

# Errors that the state of the database causes, not the code, with advice for each.
ADVICE: dict[type[Exception], str] = {
    OperationalError: "",
    InterfaceError: "",
    errors.InsufficientPrivilege: "The user must own the database.",
    errors.FeatureNotSupported: "",  # the server lacks an extension
    errors.InvalidSchemaName: "",
    errors.UndefinedTable: "Run manage.py migrate.",
    errors.UndefinedColumn: "Run manage.py migrate.",
}


def explanation(error: Error) -> str:
    """Return a line that says what to do; empty if the cause is not the state of the database.

    Args:
        error: what Django raised for a statement, a connection or a migration.
    """
    if isinstance(error, MigrationSchemaMissing) and isinstance(error.__context__, Error):
        error = error.__context__  # the outer message only quotes this one
    for kind, advice in ADVICE.items():
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return f"The database cannot be used: {first_line(error)}. {advice}".rstrip()
    return ""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message without a full stop, or the error's class."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
