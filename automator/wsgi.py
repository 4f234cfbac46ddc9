"""The WSGI application of the project."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")

from automator.api.parsers import MOST_BYTES  # after the line above, since it reads the settings


class ReadableRequest:
    """Converts requests that Django cannot read into ones that it can.

    Chunked bodies of API calls get a length, because Django treats a request without one as empty.
    At most one byte more is read than the body of a call may have, so that a larger body is
    refused as too large. gunicorn answers malformed chunks.

    A Content-Type that Django cannot parse is replaced by an empty one, which the API answers with
    415. Otherwise Django would raise an error before its error handlers are in place.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunked = environ.get("wsgi.input_terminated") and "CONTENT_LENGTH" not in environ
        if chunked and environ["PATH_INFO"].startswith("/api/"):
            body = environ["wsgi.input"].read(MOST_BYTES + 1)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        try:
            parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):
            environ["CONTENT_TYPE"] = ""
        return self.application(environ, start_response)


application = ReadableRequest(get_wsgi_application())
