"""Logging: one JSON object for each line on standard error, with the id of the request."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
# The records that were logged during the current request; None outside of a request.
records: ContextVar[list[logging.LogRecord] | None] = ContextVar("records", default=None)

# The attributes of a record, given with `extra`, that are written to its line.
FACTS = ("method", "path", "status", "milliseconds", "address", "key_id", "code", "error")

# The secret part of an API key, which a client may have sent in a path, for instance.
KEY_SECRET = re.compile(r"(?<=_)[0-9a-f]{64}(?![0-9a-f])")


@contextmanager
def of_request(its_id: str) -> Iterator[list[logging.LogRecord]]:
    """Add a request's id to every line, and collect the records of RequestHandler.

    Args:
        its_id: the id of the request.
    """
    found: list[logging.LogRecord] = []
    tokens = request_id.set(its_id), records.set(found)
    try:
        yield found
    finally:
        request_id.reset(tokens[0])
        records.reset(tokens[1])


class RequestHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Collects the records of a request, which become part of its line in the access log.

    Outside of a request a record is written at once.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Collect or write a record."""
        kept = records.get()
        if kept is None:
            super().emit(record)
        else:
            kept.append(record)


def error_of(record: logging.LogRecord) -> str:
    """Return the error of a record as one line, or its message if it has no error."""
    error = record.exc_info[1] if record.exc_info else None
    return f"{type(error).__name__}: {error}" if error else record.getMessage()


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON, so that logged text cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with the secrets of API keys removed."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        line |= {fact: getattr(record, fact) for fact in FACTS if hasattr(record, fact)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return KEY_SECRET.sub("...", json.dumps(line, default=str))
