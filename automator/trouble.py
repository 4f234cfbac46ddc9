"""What a command says of a database that it cannot use: one line, and what to do about it."""

from django.db import Error, InterfaceError, OperationalError
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg import errors

# What is wrong with the database and not with the code, and what to do about it.
ADVICE: dict[type[Exception], str] = {
    OperationalError: "",
    InterfaceError: "",
    errors.InsufficientPrivilege: "Its user must own the database.",
    errors.FeatureNotSupported: "",  # an extension that the server does not have
    errors.InvalidSchemaName: "",
    errors.UndefinedTable: "Run manage.py migrate.",
    errors.UndefinedColumn: "Run manage.py migrate.",
}


def trouble(error: Error) -> str:
    """Explain an error in one line; empty where the database is not to blame.

    Args:
        error: what Django raised for a statement, a connection or a migration.
    """
    if isinstance(error, MigrationSchemaMissing) and isinstance(error.__context__, Error):
        error = error.__context__  # its own text quotes this one in the middle of a sentence
    for kind, advice in ADVICE.items():
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return f"The database cannot be used: {first_line(error)}. {advice}".rstrip()
    return ""


def first_line(error: Error) -> str:
    """The first line of an error's text, without a full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".") or "the connection was lost"
