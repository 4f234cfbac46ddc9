"""gunicorn's configuration: `gunicorn -c python:automator.gunicorn automator.wsgi`.

Workers use threads, so that a slow client does not block a worker, and each thread keeps its
connection to PostgreSQL. The application is not preloaded, so that no connection is shared across
a fork.
"""

from django.core.exceptions import ImproperlyConfigured

from automator import settings

if settings.DEMO_ASSUMED:  # not so under `manage.py demo`, which sets DEMO
    raise ImproperlyConfigured("DATABASE_URL is not set. Set it, or run make demo for a demo.")

bind = f"{settings.HOST}:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
worker_class = "automator.gunicorn_worker.Worker"  # gthread, with errors as problems
keepalive = 75
# Seconds. A worker whose main thread does not respond for that long is killed. Requests run in
# other threads and are bounded by `inventory.deadlines`. A stop waits for the calls in progress.
timeout = 15
graceful_timeout = 20
max_requests = 10_000
max_requests_jitter = 1_000
# gunicorn trusts no proxy headers; the project evaluates them according to PROXY_HOPS.
forwarded_allow_ips = ""
control_socket_disable = True
proc_name = "automator"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "automator.logs.JSONFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": settings.LOG_LEVEL},
    "loggers": {
        # The project writes its own access log, with the request id and the key id.
        "gunicorn.error": {"handlers": ["stderr"], "level": settings.LOG_LEVEL, "propagate": False},
        "gunicorn.access": {"handlers": [], "propagate": False},
    },
}
