"""The definition of a check, and the decorator that registers one.

A check is a function that returns SQL. Each row of the result is a difference, which is reported
by the check's sentence with the row's columns filled in. A new check needs no other registration
than the decorator. Apart from the database's tables, a check can read the common table expressions
in `automator.audit.runner.TABLES`.
"""

from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """A rule of the audit: its name, the SQL that finds its violations, and their sentence."""

    name: str
    sql: str
    sentence: str


CHECKS: list[Check] = []


def check(sentence: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register a function that returns the SQL of a check.

    Args:
        sentence: a format string that reports a row, with names of its columns in braces.
    """

    def add(sql: Callable[[], str]) -> Callable[[], str]:
        CHECKS.append(Check(sql.__name__, sql(), sentence))
        return sql

    return add
