"""The body of a call: a small JSON object, read strictly."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MOST_BYTES = 16 * 1024
MOST_DEPTH = 20


class BodyTooLarge(APIException):
    """The body has more than MOST_BYTES."""


class StrictJSONParser(BaseParser):
    """Takes what RFC 8259 calls JSON and no two readers can understand differently.

    Refused with ParseError, beside malformed text: NaN and Infinity, a key that stands twice,
    deep nesting, NUL, a lone surrogate, anything but UTF-8, anything but an object.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise BodyTooLarge
        try:
            data = json.loads(
                body.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constants
            )
            _check(data, MOST_DEPTH)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise ParseError(f"The body is not JSON: {error}.") from error
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key stands in one object twice")
    return members


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: object, depth: int) -> None:
    """Raise ValueError for a string no database can keep, RecursionError past `depth` levels."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a string contains NUL")
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    elif isinstance(value, dict | list):
        if not depth:
            raise RecursionError
        for key in value if isinstance(value, dict) else ():
            _check(key, depth)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth - 1)
