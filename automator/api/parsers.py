"""A strict parser for the body of a call, which is a small JSON object."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MOST_BYTES = 16 * 1024
MOST_DEPTH = 20


class BodyTooLarge(APIException):
    """The body is larger than MOST_BYTES."""


class StrictJSONParser(BaseParser):
    """Parses JSON as RFC 8259 defines it and refuses what two parsers could read differently.

    Apart from malformed text it refuses NaN and Infinity, duplicate names in an object, nesting
    deeper than MOST_DEPTH, NUL characters, lone surrogates, any encoding but UTF-8, and any value
    but an object.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object that the body contains.

        Raises:
            BodyTooLarge: the body is larger than MOST_BYTES.
            ParseError: the body is not a JSON object, or is one of those refused above.
        """
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
    """Raise ValueError for a string that PostgreSQL cannot store.

    Raises:
        ValueError: a string contains NUL or a lone surrogate.
        RecursionError: the value is nested deeper than `depth` levels.
    """
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
