"""Which media types a call may be sent in, and which its answer may have."""

from collections.abc import Iterable
from typing import Any

from django.http.request import MediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser


class ContentNegotiation(DefaultContentNegotiation):
    """Django REST framework's negotiation, as RFC 9110 has it in the two cases below."""

    def get_accept_list(self, request: Any) -> list[str]:
        """Return the media ranges of Accept that are acceptable: those of weight 0 are not."""
        ranges: list[str] = super().get_accept_list(request)
        return [sent for sent in ranges if MediaType(sent).quality > 0]

    def select_parser(self, request: Any, parsers: Iterable[BaseParser]) -> Any:
        """Return the parser for a body, or None where its media type is a range such as `*/*`."""
        if "*" in request.content_type.partition(";")[0]:
            return None
        return super().select_parser(request, parsers)
