"""How a check of the books is written.

A check is a function that returns SQL; each row it finds is a difference, said by its sentence with
the row's columns in braces. A new one is written beside the others and known nowhere else. Beside
the tables themselves a check can read those of `automator.audit.comparison.TABLES`.
"""

from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """A property of the books: its name, the SQL that finds where it fails, how to say that."""

    name: str
    sql: str
    sentence: str


CHECKS: list[Check] = []


def check(sentence: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Add the check that a function returns, whose rows are said by `sentence`."""

    def add(sql: Callable[[], str]) -> Callable[[], str]:
        CHECKS.append(Check(sql.__name__, sql(), sentence))
        return sql

    return add
