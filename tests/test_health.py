"""Health: up and ready, in one word and no more."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from automator import health
from tests.support.servers import gunicorn

SLASHES = ["", "/"]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What readyz remembers of the migrations is not another test's."""
    health.require_migrations.cache_clear()
    yield
    health.require_migrations.cache_clear()


@pytest.mark.parametrize("slash", SLASHES)
def test_process_is_up_and_asks_no_database(slash: str, client: Client) -> None:
    answer = client.get(f"/healthz{slash}")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.parametrize("slash", SLASHES)
def test_ready_with_the_database_and_every_migration(slash: str, client: Client) -> None:
    answer = client.get(f"/readyz{slash}")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'invoices'")
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})


@pytest.mark.django_db
def test_ready_once_the_migration_is_there(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = 'x' || name WHERE app = 'invoices'")
        assert client.get("/readyz").status_code == 503
        cursor.execute("UPDATE django_migrations SET name = substr(name, 2) WHERE app = 'invoices'")

    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("url", ["postgresql:///x?host=/nowhere", "postgresql://127.0.0.1:1/x"])
def test_not_ready_but_up_while_the_database_is_away(url: str, django_db_setup: None) -> None:
    with gunicorn(DATABASE_URL=url) as server:
        not_ready = server.request("GET", "/readyz")

        assert (not_ready.status, not_ready.json) == (503, {"status": "unavailable"})
        assert server.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_only_reads(path: str, client: Client) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_never_cached(path: str, client: Client) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]
