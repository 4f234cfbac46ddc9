"""Counts the steps of a search with a regular expression, which to Python is a single call.

The module `re` does not tell how far back it goes before it gives up. A plain backtracking search
takes the same steps in the same order, so it is run on the same texts and its steps are counted.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import pytest

ONE_SEARCH = ("match", "fullmatch", "search")
MOST = 100_000  # steps, so that a test of exponential work fails, and does not hang
SEARCHES = (*ONE_SEARCH, "split", "findall", "finditer", "sub")


class Search(NamedTuple):
    """A call of a method of a pattern."""

    pattern: re.Pattern[Any]
    method: str
    text: Any
    start: int = 0

    def steps(self) -> int:
        """Return how many times a character is compared with a part of the pattern."""
        steps = Backtracking(self)
        at, end = self.start, None
        while at <= len(self.text):
            end = steps.end(at)
            if self.method in ONE_SEARCH and (end is not None or self.method != "search"):
                break
            at = max(end or 0, at + 1)
        if self.method in ONE_SEARCH:
            found = getattr(self.pattern, self.method)(self.text, self.start)
            assert (found and found.span()) == (None if end is None else (at, end)), "other steps"
        return steps.count


class Backtracking:
    """The plain search. It knows the parts of patterns that the project uses, and no others."""

    def __init__(self, search: Search) -> None:
        self.count = 0
        self.text = search.text
        self.whole = search.method == "fullmatch"
        self.parts = _parser.parse(search.pattern.pattern, search.pattern.flags)
        self.single: dict[int, Callable[..., Any]] = {}

    def end(self, at: int) -> int | None:
        """Return where a match ends that begins `at` a position."""
        ends = self.ends(self.parts, at)
        return next((end for end in ends if not self.whole or end == len(self.text)), None)

    def ends(self, parts: Sequence[Any], at: int) -> Iterator[int]:
        """Yield where these parts can end if they begin `at` a position, in the order of `re`."""
        if not parts:
            yield at
            return
        for end in self.ends_of_one(parts[0], at):
            yield from self.ends(parts[1:], end)

    def ends_of_one(self, part: Any, at: int) -> Iterator[int]:
        kind, value = str(part[0]), part[1]
        if kind == "SUBPATTERN":
            return self.ends(value[-1], at)
        if kind == "BRANCH":
            return (end for parts in value[1] for end in self.ends(parts, at))
        if kind.endswith("REPEAT"):
            least, most, parts = value
            ends = self.repeated(parts, at, least, most, lazy=kind == "MIN_REPEAT")
            return islice(ends, 1) if kind == "POSSESSIVE_REPEAT" else ends
        assert kind in {"LITERAL", "NOT_LITERAL", "IN", "ANY", "AT"}, kind
        return self.single_step(part, at)

    def single_step(self, part: Any, at: int) -> Iterator[int]:
        self.count += 1
        assert self.count <= MOST, "this takes too many steps"
        if id(part) not in self.single:
            alone = _parser.SubPattern(self.parts.state, [part])
            self.single[id(part)] = _compiler.compile(alone).match
        found = self.single[id(part)](self.text, at)
        return iter([found.end()] if found else [])

    def repeated(
        self, parts: Sequence[Any], at: int, least: int, most: int, *, lazy: bool
    ) -> Iterator[int]:
        """Yield the ends of a repetition: a stack of its passes, for a text may have thousands."""
        begun, passes = [at], [self.ends(parts, at)]
        if lazy and least == 0:
            yield at
        while passes:
            end = next(passes[-1], None) if len(passes) <= most else None
            if end is None:
                passes.pop()
                end = begun.pop()
                if not lazy and len(passes) >= least:
                    yield end
            elif end > begun[-1]:
                begun.append(end)
                passes.append(self.ends(parts, end))
                if lazy and len(passes) > least:
                    yield end


class Watched:
    """A pattern that notes what is searched with it."""

    def __init__(self, pattern: re.Pattern[Any], searches: set[Search]) -> None:
        self.pattern = pattern
        self.searches = searches

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.pattern, name)
        if name not in SEARCHES:
            return method

        def noted(*arguments: Any) -> Any:
            self.searches.add(Search(self.pattern, name, *arguments[name == "sub" :]))
            return method(*arguments)

        return noted


@contextmanager
def searches_of(package: str) -> Iterator[set[Search]]:
    """Collect the different searches that the modules of a package make meanwhile."""
    searches: set[Search] = set()
    compiled = re._compile  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(re, "_compile", lambda *of: Watched(compiled(*of), searches))
        for module in [m for name, m in sys.modules.items() if f"{name}.".startswith(package)]:
            for name, value in list(vars(module).items()):
                if isinstance(value, re.Pattern):
                    patch.setattr(module, name, Watched(value, searches))
        yield searches
