"""Logs: one JSON object a line on standard error, each with the id of its request."""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What a caller may add with `extra`, beyond the message.
FACTS = ("method", "path", "status", "milliseconds", "key_id", "code")

# Of an API key, wherever a caller has put it: in a path, for instance.
KEY_SECRET = re.compile(r"(?<=_)[0-9a-f]{64}(?![0-9a-f])")


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
