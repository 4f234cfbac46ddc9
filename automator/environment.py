"""The one reader of the process environment: collects every error, then reports all at once."""

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
    """Reads variables and remembers what is wrong with them.

    `variables` is the environment to read, the process's own by default. A variable that is empty
    counts as unset. After the last read, `report()` raises ImproperlyConfigured with one line for
    each error.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.errors: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The variable as it stands, or `default`."""
        return self.variables.get(name) or default

    def boolean(self, name: str, *, default: bool) -> bool:
        """1, true, yes, on, or 0, false, no, off, in any case."""
        value = self.text(name)
        if not value:
            return default
        if value.lower() not in TRUE | FALSE:
            self.errors.append(f"{name} must be 1 or 0, not {value!r}.")
        return value.lower() in TRUE

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self.text(name, str(default))
        if not (re.fullmatch("[0-9]{1,9}", value) and least <= int(value) <= most):
            self.errors.append(f"{name} must be a whole number from {least} to {most}: {value!r}.")
            return default
        return int(value)

    def words(self, name: str) -> list[str]:
        """The parts of a list separated by commas, without the spaces around them."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def database(self, name: str) -> dict[str, Any]:
        """A libpq connection URL as Django's DATABASES entry; empty where it is unset.

        Everything libpq knows is taken (several hosts, socket folders, sslmode, ...): what Django
        has no name for goes into OPTIONS.
        """
        url = self.text(name)
        if not url:
            return {}
        try:
            parts: dict[str, Any] = dict(conninfo_to_dict(url))
        except (ProgrammingError, UnicodeError) as error:
            # What libpq quotes is a piece of the URL, and may be the password.
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
        """Remember `complaint` unless `condition` holds."""
        if not condition:
            self.errors.append(complaint)

    def report(self) -> None:
        """Raise ImproperlyConfigured if anything was wrong, naming everything that was."""
        if self.errors:
            lines = "\n".join(f"  - {error}" for error in self.errors)
            raise ImproperlyConfigured(f"automator does not start with these settings:\n{lines}")
