"""Health checks for load balancers. The answers reveal no details."""

from functools import cache

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Report that the process is running."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Report whether the database can be reached and has all migrations."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        require_migrations()
    except (DatabaseError, InterfaceError, NotMigrated):
        return JsonResponse({"status": "unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


class NotMigrated(Exception):
    """The database lacks a migration."""


@cache  # only success is cached, since an error is not
def require_migrations() -> None:
    """Check that every migration of the code is applied.

    Raises:
        NotMigrated: the database lacks a migration.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated
