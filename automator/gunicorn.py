"""gunicorn's configuration: `gunicorn -c python:automator.gunicorn automator.wsgi`.

Threads, so that a slow client does not hold a worker and each thread keeps its connection to
PostgreSQL; no preload, so that no connection is shared across a fork.
"""

from django.core.exceptions import ImproperlyConfigured

from automator import settings

if settings.DEMO_ASSUMED:  # `manage.py demo` asks for it
    raise ImproperlyConfigured("DATABASE_URL is not set. Set it, or run make demo for a demo.")

bind = f"{settings.HOST}:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
worker_class = "automator.worker.Worker"  # gthread, with errors as problems
keepalive = 75
# A worker whose main thread says nothing for 15 s is stuck. A request that is stuck is in another
# thread, and `inventory.deadlines` bounds it. A stop waits for the calls in flight.
timeout = 15
graceful_timeout = 20
max_requests = 10_000
max_requests_jitter = 1_000
# Nobody: what a proxy says of a request is judged in the project, by PROXY_HOPS.
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
        # The access log is the project's own, with the request id and the key.
        "gunicorn.error": {"handlers": ["stderr"], "level": settings.LOG_LEVEL, "propagate": False},
        "gunicorn.access": {"handlers": [], "propagate": False},
    },
}
