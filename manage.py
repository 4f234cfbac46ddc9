#!/usr/bin/env python
"""Django's command line, which provides the embedded PostgreSQL to commands that need a database.

With DATABASE_URL nothing is started. Without it, a command joins the server that is running (that
of `make demo` or of another command), or starts one until it ends, and says so. It makes a new
database only if a demo was asked for.
"""

import contextlib
import os
import sys
from contextlib import AbstractContextManager

# All other commands may use the database. `demo` starts its own server.
WITHOUT_DATABASE = {
    *(
        "help",
        "version",
        "bench",
        "demo",
        "check",
        "collectstatic",
        "compilemessages",
        "diffsettings",
    ),
    *("findstatic", "makemessages", "spectacular", "startapp", "startproject"),
}
# Reads only the list of applied migrations, so it may make the demo's database.
WITHOUT_DATA = {"makemigrations"}


def needs_database(arguments: list[str]) -> bool:
    """Whether a command line, without the name of the program, needs the database."""
    if {"-h", "--help", "--version"} & set(arguments) or not arguments:
        return False
    checks_it = arguments[0] == "check" and any(a.startswith("--database") for a in arguments)
    return checks_it or arguments[0] not in WITHOUT_DATABASE


def database(command: str) -> AbstractContextManager[None]:
    """Return a context manager that provides the embedded server, if DATABASE_URL is not set.

    Args:
        command: the name of the command.

    Raises:
        PostgresError: the demo's database does not exist, and no demo was asked for. A command
            that lost its environment must not start with a new and empty database.
    """
    from django.conf import settings  # noqa: PLC0415 -- reads the settings

    from automator.postgres import cluster, sharing  # noqa: PLC0415

    data = settings.EMBEDDED_POSTGRES
    if data is None:
        return contextlib.nullcontext()
    if settings.DEMO_ASSUMED and command not in WITHOUT_DATA and not cluster.exists(data):
        raise cluster.PostgresError(
            f"DATABASE_URL is not set, and there is no demo in {settings.DEMO_DIR}. Set"
            " DATABASE_URL, or run make demo first, or set DEMO=1 for a demo without its data."
        )
    sys.stderr.write(
        f"Using the demo's database in {settings.DEMO_DIR} (DATABASE_URL is not set).\n"
    )
    os.environ["PATH"] += os.pathsep + str(cluster.binaries())  # for dbshell, which runs psql
    return sharing.serving(data)


def main(arguments: list[str]) -> None:
    """Run a command.

    Args:
        arguments: the command line, without the name of the program.

    Raises:
        DatabaseError, InterfaceError: `--traceback` was given, or the cause is in the code.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")
    if arguments[:1] == ["demo"] and not os.environ.get("DEMO"):
        os.environ["DEMO"] = "1"  # even if DATABASE_URL is set
    try:
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError:
        sys.exit(
            "Django is not installed for this Python. `make demo` installs it for this one:\n"
            "  .venv/bin/python manage.py"
        )
    from django.db import DatabaseError, InterfaceError  # noqa: PLC0415

    from automator.postgres.cluster import PostgresError  # noqa: PLC0415
    from inventory.database_errors import explanation  # noqa: PLC0415

    try:
        # runserver's reloader starts this program again, and the child joins its parent's server.
        with database(arguments[0]) if needs_database(arguments) else contextlib.nullcontext():
            execute_from_command_line(["manage.py", *arguments])
    except (ImproperlyConfigured, PostgresError) as error:
        sys.exit(str(error))
    except (DatabaseError, InterfaceError) as error:
        said = explanation(error)
        if not said or "--traceback" in arguments:
            raise
        sys.exit(said)


if __name__ == "__main__":
    main(sys.argv[1:])
