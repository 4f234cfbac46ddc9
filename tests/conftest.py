"""The tests run on real PostgreSQL: one of their own, or the one that DATABASE_URL names.

Django's settings are read here, and not by pytest-django, which would read them before this file
(that is why pyproject.toml names none): DATABASE_URL must be known by then.
"""

import contextlib
import gc
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Lock
from automator.postgres.server import Server
from automator.postgres.sockets import PORT

PREFIX = f"automator-tests-{os.getuid()}-"

undo = contextlib.ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL, then read the settings. What goes wrong ends the run, in one line."""
    if runs_no_test(config):
        return
    # Coverage measures pytest and its workers, but not the programs that tests start.
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    config.add_cleanup(undo.close)
    os.environ.setdefault("DEMO", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")
    try:
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = throw_away_server()
        if settings.EMBEDDED_POSTGRES:
            raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE, and name no --ds: see conftest.")
    except (ImproperlyConfigured, PostgresError) as error:
        raise pytest.UsageError(str(error)) from error


def runs_no_test(config: pytest.Config) -> bool:
    """Whether this process only hands out the tests to workers.

    Each worker has a PostgreSQL of its own, because one test can disturb the others of a server: it
    changes the configuration, and the row versions that an open transaction may still see are kept
    in every database.
    """
    return bool(config.getoption("numprocesses", None))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the shared fixtures: they need the models, and those need the settings."""
    if runs_no_test(session.config):
        return
    pytest.register_assert_rewrite("tests.support.marketplace")
    for module in (
        "tests.support.fixtures",
        "tests.support.importing",
        "tests.support.rivals",
        "tests.support.scratch",
        "tests.support.staff",
    ):
        session.config.pluginmanager.import_plugin(module)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector what stays for the whole run: to look at it costs 10 % of CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def throw_away_server() -> str:
    """Start a server that ends with this process, even if that is killed; returns its URL."""
    remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    undo.callback(shutil.rmtree, folder, ignore_errors=True)  # another run may be at it
    server = undo.enter_context(Server(folder / "postgres", durable=False))
    undo.callback(os.environ.pop, "DATABASE_URL")
    query = {"host": server.socket_folder, "port": PORT, "user": "postgres"}
    url = f"postgresql:///automator?{urlencode(query, quote_via=quote)}"
    with psycopg.connect(url, autocommit=True) as session:
        # What it does depends on the time, and while it does it, old row versions are kept.
        session.execute("ALTER SYSTEM SET autovacuum = off")
        session.execute("SELECT pg_reload_conf()")
    return url


def remove_left_behind() -> None:
    """Remove the data of earlier runs that were killed: nobody holds their locks any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/postgres.lock"):
        with contextlib.suppress(OSError):
            lock = Lock(path)
            if lock.take():
                shutil.rmtree(path.parent, ignore_errors=True)
            lock.release()
