"""Reads environment variables, collects all errors, and reports them together."""

import os
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class Environment:
    """Reads variables and collects their errors, which `report()` raises after the last read.

    A variable that is empty counts as unset.

    Args:
        variables: the environment to read; that of the process by default.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.errors: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return the value of the variable, or `default` if it is unset."""
        return self.variables.get(name) or default

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a truth value, written as 1, true, yes, on, 0, false, no or off, in any case."""
        value = self.text(name)
        if not value:
            return default
        if value.lower() not in TRUE | FALSE:
            self.errors.append(f"{name} must be 1 or 0, not {value!r}.")
        return value.lower() in TRUE

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`."""
        value = self.text(name, str(default))
        if not (re.fullmatch("[0-9]{1,9}", value) and least <= int(value) <= most):
            self.errors.append(f"{name} must be a whole number from {least} to {most}: {value!r}.")
            return default
        return int(value)

    def words(self, name: str) -> list[str]:
        """Return the parts of a list that is separated by commas, without surrounding spaces."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def database(self, name: str) -> dict[str, Any]:
        """Return a libpq connection URL as an entry of DATABASES, or an empty one if it is unset.

        Everything that libpq supports is accepted, such as several hosts, socket folders and
        sslmode. Parameters for which Django has no name are passed in OPTIONS.
        """
        url = self.text(name)
        if not url:
            return {}
        try:
            parts: dict[str, Any] = dict(conninfo_to_dict(url))
        except (ProgrammingError, UnicodeError) as error:
            # libpq quotes parts of the URL, which may contain the password.
            reason = re.sub(r'"(.|\n)*"', '"…"', str(error)).splitlines()[0]
            self.errors.append(f"{name} is not a PostgreSQL URL: {reason}")
            return {}
        self.require(
            parts.get("dbname") or parts.get("service"),
            f"{name} must name the database: postgresql://…/NAME.",
        )
        ports = str(parts.get("port", "")).split(",")
        self.require(
            all(re.fullmatch("[0-9]{0,5}", port) for port in ports),
            f"{name} has a port that is not a number.",
        )
        names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
        settings = {ours: parts.pop(theirs, "") for ours, theirs in names.items()}
        return {**settings, "PORT": str(parts.pop("port", "")), "OPTIONS": parts}

    def require(self, condition: object, complaint: str) -> None:
        """Add the error `complaint` unless `condition` is true."""
        if not condition:
            self.errors.append(complaint)

    def report(self) -> None:
        """Report all errors that were collected.

        Raises:
            ImproperlyConfigured: there were errors; the message lists them.
        """
        if self.errors:
            lines = "\n".join(f"  - {error}" for error in self.errors)
            raise ImproperlyConfigured(f"automator does not start with these settings:\n{lines}")
