"""A bare WSGI callable that calls one stored function for each request.

It has no framework, no rules in Python and no error handling to speak of. It shows how much of the
project's cost is Python's, and it exists in the bench only.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import psycopg

URL = os.environ["DATABASE_URL"]
HOLD = "SELECT * FROM place_hold(%s, %s, %s, %s)"
RELEASE = "SELECT * FROM release_hold(%s, %s)"
INVOICE = "SELECT * FROM invoice_hold(%s, %s, %s)"
PHRASES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
threads = threading.local()


def connection() -> "psycopg.Connection[Any]":
    """Return the connection of this thread."""
    found: psycopg.Connection[Any] | None = getattr(threads, "connection", None)
    if found is None or found.closed:
        found = threads.connection = psycopg.connect(URL, autocommit=True)
    return found


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one of the three calls."""
    path = environ["PATH_INFO"]
    key = hashlib.sha256(environ.get("HTTP_X_API_KEY", "").encode()).hexdigest()
    parameters: tuple[Any, ...]
    if path.endswith("/release"):
        sql, parameters = RELEASE, (key, path.split("/")[-2])
    else:
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        if path == "/api/v1/holds":
            sql, parameters = HOLD, (key, body["remote_id"], body["quantity"], body["global_id"])
        else:
            sql, parameters = INVOICE, (key, body["order_id"], body["global_id"])
    [(status, answer)] = connection().execute(sql, parameters).fetchall()
    content = answer.encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(PHRASES[status], headers)
    return [content]
