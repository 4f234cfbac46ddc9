#!/usr/bin/env python
"""Django's command line, with the embedded PostgreSQL around every command that needs a database.

With DATABASE_URL nothing is started. Without it a command joins the server that runs (that of
`make demo`, or of another command), or starts one for its own duration, and says so. It makes a new
database only where a demo is asked for.
"""

import contextlib
import os
import sys
from contextlib import AbstractContextManager

# Everything else may look into the database, so it gets one. `demo` brings its own.
WITHOUT_DATABASE = {
    *("help", "version", "demo", "check", "collectstatic", "compilemessages", "diffsettings"),
    *("findstatic", "makemessages", "spectacular", "startapp", "startproject"),
}
# Reads nothing but the list of applied migrations, and so may make the demo's database itself.
WITHOUT_BOOKS = {"makemigrations"}


def needs_database(arguments: list[str]) -> bool:
    """Whether a command line (without the program's name) looks into the database."""
    if {"-h", "--help", "--version"} & set(arguments) or not arguments:
        return False
    checks_it = arguments[0] == "check" and any(a.startswith("--database") for a in arguments)
    return checks_it or arguments[0] not in WITHOUT_DATABASE


def database(command: str) -> AbstractContextManager[None]:
    """The embedded server, or nothing to be done where DATABASE_URL names another one.

    Raises:
        PostgresError: the demo's database is not there, and nobody asked for a demo. A command
            that lost its environment must not begin new and empty books.
    """
    from django.conf import settings  # noqa: PLC0415 -- only now are the settings to be read

    from automator.postgres import cluster, server  # noqa: PLC0415

    data = settings.EMBEDDED_POSTGRES
    if data is None:
        return contextlib.nullcontext()
    if settings.DEMO_ASSUMED and command not in WITHOUT_BOOKS and not server.exists(data):
        raise cluster.PostgresError(
            f"DATABASE_URL is not set, and there is no demo in {settings.DEMO_DIR}. Set"
            " DATABASE_URL, or run make demo first, or set DEMO=1 for a demo without its data."
        )
    sys.stderr.write(
        f"Working on the demo's database in {settings.DEMO_DIR} (DATABASE_URL is not set).\n"
    )
    os.environ["PATH"] += os.pathsep + str(cluster.binaries())  # dbshell wants psql
    return server.serving(data)


def main(arguments: list[str]) -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")
    if arguments[:1] == ["demo"] and not os.environ.get("DEMO"):
        os.environ["DEMO"] = "1"  # also where DATABASE_URL asks for production
    try:
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError:
        sys.exit(
            "Django is not installed for this Python. After `make demo` it is for this one:\n"
            "  .venv/bin/python manage.py"
        )
    from django.db import DatabaseError, InterfaceError  # noqa: PLC0415

    from automator.postgres.cluster import PostgresError  # noqa: PLC0415
    from automator.trouble import trouble  # noqa: PLC0415

    try:
        # runserver's reloader starts this program once more; the child joins its parent's server.
        with database(arguments[0]) if needs_database(arguments) else contextlib.nullcontext():
            execute_from_command_line(["manage.py", *arguments])
    except (ImproperlyConfigured, PostgresError) as error:
        sys.exit(str(error))
    except (DatabaseError, InterfaceError) as error:
        said = trouble(error)
        if not said or "--traceback" in arguments:
            raise
        sys.exit(said)


if __name__ == "__main__":
    main(sys.argv[1:])
