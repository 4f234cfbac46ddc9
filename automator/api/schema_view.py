"""The view of the OpenAPI document, which is made once for each process."""

import hashlib
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from automator.api.exception_handler import AnswerRenderer
from automator.api.negotiation import ContentNegotiation

# The document and the pages made from it change only with the code, so browsers may cache them for
# a while.
CACHE_CONTROL = "public, max-age=300"


class FormatInQuery(ContentNegotiation):
    """Lets `?format=json` or `?format=yaml` take precedence over the Accept header."""

    def select_renderer(
        self,
        request: Any,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer, and the media type of the answer.

        Raises:
            NotAcceptable: the query or the Accept header names no format of the document.
        """
        wanted = request.query_params.get("format")
        found = [renderer for renderer in renderers if wanted in {None, renderer.format}]
        if not found:
            raise NotAcceptable
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, found, format_suffix)
        return chosen


class Document(SpectacularAPIView):
    """The OpenAPI document in YAML or JSON, without a key. Its errors are problems as well."""

    content_negotiation_class = FormatInQuery
    throttle_classes = ()

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the cached document, or 304 if the caller already has it."""
        renderer = request.accepted_renderer
        body = rendered(renderer.media_type)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        answer = HttpResponse(body, content_type=renderer.media_type + charset)
        answer["Content-Disposition"] = f'inline; filename="openapi.{renderer.format}"'
        answer["ETag"] = tag
        answer["Cache-Control"] = CACHE_CONTROL
        patch_vary_headers(answer, ["Accept"])
        return get_conditional_response(request._request, etag=tag, response=answer) or answer

    def handle_exception(self, exc: Exception) -> Response:
        """Return a problem in JSON, whichever renderer was negotiated."""
        self.request.accepted_renderer = AnswerRenderer()
        self.request.accepted_media_type = AnswerRenderer.media_type
        return super().handle_exception(exc)


_making = threading.RLock()  # so that concurrent requests do not each make the document


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def _rendered(media_type: str) -> bytes:
    (renderer,) = (each for each in Document.renderer_classes if each.media_type == media_type)
    made: bytes = renderer().render(_document(), media_type, {})
    return made


def rendered(media_type: str) -> bytes:
    """Return the OpenAPI document in a media type. It is rendered once for each process."""
    with _making:
        return _rendered(media_type)


def document() -> dict[str, Any]:
    """Return the OpenAPI document. It is made once for each process and must not be modified."""
    with _making:
        return _document()
