"""Django's settings. All environment variables of the project are read here, and only here.

With DATABASE_URL the settings are those of production, and unsafe values raise an error at the
start. Without it, or with DEMO=1, they are those of a demo on this machine, which has its own
secret key, local hosts, no TLS, and the embedded PostgreSQL.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import IsolationLevel

from automator.environment import Environment
from automator.secret_keys import demo_secret_key, weak

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = BASE_DIR / ".demo"
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
# Only collectstatic makes this folder, in production. It therefore marks a production checkout.
STATIC_DIR = BASE_DIR / ".staticfiles"

env = Environment()


# --- the environment ------------------------------------------------------------------------------

database = env.database("DATABASE_URL")
# Neither a demo nor a database was asked for. This is normal in the checkout of a demo. In that of
# production it means that the command lost its environment, and would use the wrong database.
DEMO_ASSUMED = not env.text("DATABASE_URL") and not env.text("DEMO")
if DEMO_ASSUMED and STATIC_DIR.exists():
    raise ImproperlyConfigured(
        f"DATABASE_URL is not set, and this checkout is set up for production: collectstatic made"
        f" the folder {STATIC_DIR}. Set DATABASE_URL, or set DEMO=1 to run a demo anyway."
    )
DEMO = env.boolean("DEMO", default=DEMO_ASSUMED)
DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or (demo_secret_key(DEMO_DIR) if DEMO else "")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or (["localhost", "127.0.0.1", "[::1]"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
# The number of our own proxies that a request passes. The caller's address is at that position from
# the right in X-Forwarded-For. With 0 the header is ignored in favour of the connection's address.
PROXY_HOPS = env.number("PROXY_HOPS", 0, least=0, most=10)
HSTS_SECONDS = env.number("HSTS_SECONDS", 31_536_000, least=0, most=63_072_000)
# Poolers that pass transactions to different sessions may not support prepared statements.
PREPARED_STATEMENTS = env.boolean("PREPARED_STATEMENTS", default=True)
# Calls per minute for each API key in each server process; 0 means no limit.
API_CALLS_PER_MINUTE = env.number("API_CALLS_PER_MINUTE", 0, least=0, most=10_000_000)
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1, most=65535)
WEB_CONCURRENCY = env.number("WEB_CONCURRENCY", 2, least=1, most=256)
WEB_THREADS = env.number("WEB_THREADS", 8, least=1, most=256)

env.require(
    LOG_LEVEL in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"},
    f"LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {LOG_LEVEL!r}.",
)
for host in ALLOWED_HOSTS:
    env.require(
        re.fullmatch(r"\.?[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]", host),
        f"ALLOWED_HOSTS must name hosts, without '*', scheme or port: {host!r}.",
    )
for origin in CSRF_TRUSTED_ORIGINS:
    env.require(
        origin.startswith(("https://", "http://")),
        f"CSRF_TRUSTED_ORIGINS must be like https://tickets.example.com, not {origin!r}.",
    )
if not DEMO:
    env.require(
        env.text("DATABASE_URL"), "DATABASE_URL is missing. Set it to postgresql://user@host/name."
    )
    env.require(SECRET_KEY, "SECRET_KEY is missing. It must have at least 50 random characters.")
    env.require(
        not SECRET_KEY or not weak(SECRET_KEY),
        "SECRET_KEY is weak. It must have at least 50 random characters.",
    )
    env.require(
        not any(map(weak, SECRET_KEY_FALLBACKS)), "SECRET_KEY_FALLBACKS contains a weak key."
    )
    env.require(
        ALLOWED_HOSTS,
        "ALLOWED_HOSTS is missing. List the service's host names, separated by commas.",
    )
    env.require(not DEBUG, "DEBUG=1 reveals secrets to visitors. It is allowed only with DEMO=1.")
env.report()

# --- PostgreSQL -----------------------------------------------------------------------------------

# The data folder of the embedded server, or None if DATABASE_URL names another server.
EMBEDDED_POSTGRES: Path | None = None if database else DEMO_DIR / "postgres"
if EMBEDDED_POSTGRES:
    from automator.postgres.sockets import socket_folder

    database = {
        "NAME": "automator",
        "USER": "postgres",
        "HOST": str(socket_folder(EMBEDDED_POSTGRES)),
        "OPTIONS": {},
    }
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **database,
        "ENGINE": "inventory.database",  # PostgreSQL, with a deadline on every wait
        # Connecting takes longer than a call, so each server thread keeps its connection.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # A pooler in transaction mode may send the next statement to another session.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 2,
            "tcp_user_timeout": 3000,
            # A broken connection is detected after 3 s if data is sent, and after 8 s if not.
            "keepalives_idle": 5,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "application_name": "automator",
            **database["OPTIONS"],
            "prepared_statements": PREPARED_STATEMENTS,
            # The locking rules require this level, whatever the default of the role is.
            "isolation_level": IsolationLevel.READ_COMMITTED,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the project ----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "automator",
    "invoices",
    "holds",
    "inventory",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "automator.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "automator.broker_time_zone.BrokerTimeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "automator.urls"
WSGI_APPLICATION = "automator.wsgi.application"
AUTH_USER_MODEL = "automator.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = None if DEMO else STATIC_DIR
WHITENOISE_USE_FINDERS = DEMO
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    }
}

# --- the API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["automator.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["automator.api.authentication.HasApiKey"],
    "DEFAULT_THROTTLE_CLASSES": ["automator.api.throttling.CallsPerMinute"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "automator.api.negotiation.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["automator.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["automator.api.exception_handler.AnswerRenderer"],
    "DEFAULT_SCHEMA_CLASS": "automator.api.schema.CallSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is answered 405, as are other unsupported methods
    "EXCEPTION_HANDLER": "automator.api.exception_handler.answer",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "automator: hold, release, invoice",
    "DESCRIPTION": "After a timeout, a reset or a 5xx the outcome of a call is unknown. Repeat the "
    "same call: it takes effect only once, and its answer tells whether it did. "
    "[All answers, explained](/docs/). [The contract](/docs/contract/)",
    "VERSION": VERSION,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.0",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["automator.api.schema.one_path_each"],
    "POSTPROCESSING_HOOKS": ["automator.api.schema.finish"],
}

# --- security -------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = not DEMO
# API calls are not redirected, since their key has already been sent in plain text. The middleware
# refuses them. Health checks come from the internal network.
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^(healthz|readyz)/?$"]
SECURE_HSTS_SECONDS = 0 if DEMO else HSTS_SECONDS
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_HOPS else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
SESSION_COOKIE_NAME = "automator_session" if DEMO else "__Host-session"
CSRF_COOKIE_NAME = "automator_csrf" if DEMO else "__Host-csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
# In bytes. Uploaded files do not count; no form of the admin is larger than this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "automator.logs.JSONFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "request": {"class": "automator.logs.RequestHandler", "formatter": "json"},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # What these loggers report about a request becomes part of its line in the access log.
    # Refusals, such as a 4xx or an unknown host, are in that line anyway.
    "loggers": {
        "automator.api.problems": {"handlers": ["request"], "propagate": False},
        "django.request": {"handlers": ["request"], "level": "ERROR", "propagate": False},
        "django.security": {"handlers": ["request"], "propagate": False},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # A warning of psycopg tells of an error that follows from one that is reported already.
        "psycopg": {"level": "ERROR"},
    },
}
