"""Content negotiation: the media types of bodies and of answers."""

from collections.abc import Iterable
from typing import Any

from django.http.request import MediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's content negotiation, corrected to follow RFC 9110 in two cases."""

    def get_accept_list(self, request: Any) -> list[str]:
        """Return the media ranges of the Accept header, without those of weight 0."""
        ranges: list[str] = super().get_accept_list(request)
        return [sent for sent in ranges if MediaType(sent).quality > 0]

    def select_parser(self, request: Any, parsers: Iterable[BaseParser]) -> Any:
        """Return the parser for a body, or None if its media type is a range such as `*/*`."""
        if "*" in request.content_type.partition(";")[0]:
            return None
        return super().select_parser(request, parsers)
