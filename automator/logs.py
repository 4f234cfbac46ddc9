"""Logs: one JSON object a line on standard error, each with the id of its request."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
# What was logged about the request that is being answered; None outside of one.
records: ContextVar[list[logging.LogRecord] | None] = ContextVar("records", default=None)

# What a caller may add with `extra`, beyond the message.
FACTS = ("method", "path", "status", "milliseconds", "address", "key_id", "code", "error")

# Of an API key, wherever a caller has put it: in a path, for instance.
KEY_SECRET = re.compile(r"(?<=_)[0-9a-f]{64}(?![0-9a-f])")


@contextmanager
def of_request(its_id: str) -> Iterator[list[logging.LogRecord]]:
    """Mark every line with the request's id, and give the records that its own line is to have."""
    found: list[logging.LogRecord] = []
    tokens = request_id.set(its_id), records.set(found)
    try:
        yield found
    finally:
        request_id.reset(tokens[0])
        records.reset(tokens[1])


class RequestHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Keeps what is logged about a request for the request's own line, which is written last.

    Outside of a request the record is written at once.
    """

    def emit(self, record: logging.LogRecord) -> None:
        kept = records.get()
        if kept is None:
            super().emit(record)
        else:
            kept.append(record)


def error_of(record: logging.LogRecord) -> str:
    """What went wrong, in a line: the exception where there is one, or the message."""
    error = record.exc_info[1] if record.exc_info else None
    return f"{type(error).__name__}: {error}" if error else record.getMessage()


class JSONFormatter(logging.Formatter):
    """Makes a log record one line of JSON, so that no logged text can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
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
