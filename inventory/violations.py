"""Recognises database errors by the constraint that was violated."""

from django.db import IntegrityError, connection


def violates(error: IntegrityError, name: str) -> bool:
    """Return whether an error says that the constraint or unique index `name` was violated.

    The names of constraints are compared, since the message depends on the server's language and
    quotes what a caller sent. A partition's constraint or index counts as the one of its
    partitioned table, because PostgreSQL makes up its name. The transaction in which the error
    occurred must have ended.
    """
    said = getattr(error.__cause__, "diag", None)
    if said is None or not said.constraint_name:
        return False
    if said.constraint_name == name:
        return True
    with connection.cursor() as cursor:
        # The index of a constraint has the name of the constraint.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_partition_ancestors(to_regclass(format('%%I.%%I',"
            " %s::text, %s::text))) parent JOIN pg_class ON pg_class.oid = parent"
            " WHERE relname = %s)",
            (said.schema_name, said.constraint_name, name),
        )
        return bool(cursor.fetchone()[0])
