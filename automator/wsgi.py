"""What a WSGI server loads."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")

from automator.json_body import MOST_BYTES  # after the line above: it reads the settings


class WholeBody:
    """Gives the API's chunked bodies a length: Django takes a request without one as empty.

    Reads one byte more than any body of the API may have, which is then refused as too large.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunked = environ.get("wsgi.input_terminated") and "CONTENT_LENGTH" not in environ
        if chunked and environ["PATH_INFO"].startswith("/api/"):
            body = environ["wsgi.input"].read(MOST_BYTES + 1)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return self.application(environ, start_response)


application = WholeBody(get_wsgi_application())
