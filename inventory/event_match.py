"""Finds the event of a broker that a row of a book means."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, time
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from inventory.models import Broker, Event

When = tuple[date | None, time | None]


class Listed(NamedTuple):
    """An event as a book lists it. A date or time of None is to be announced."""

    name: str
    venue: str
    date: date | None
    time: time | None


class Meant(NamedTuple):
    """The event that a listing means, and whether it must be saved.

    It must be saved if it is new, or if the listing announces its date or time.
    """

    event: Event
    unsaved: bool


@dataclass
class _Show:
    """What is known of one name at one venue: its events, and the times stored and listed for them.

    A book may list a show at thousands of times, so events and times are looked up by day.
    """

    stored: set[When] = field(default_factory=set)
    listed: set[When] = field(default_factory=set)
    events: dict[When, Event] = field(default_factory=dict)
    by_day: defaultdict[date | None, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        """Add an event under its date and time."""
        self.events[event.date, event.time] = event
        self.by_day[event.date].append(event)

    def announce(self, event: Event, one: Listed) -> None:
        """Give an event of this show the date and time that a listing announces."""
        del self.events[event.date, event.time]
        self.by_day[event.date].remove(event)
        announce(one, event)
        self.add(event)

    def only(self, one: Listed) -> Event | None:
        """Return the event that agrees with a listing, or None unless there is exactly one."""
        if one.date is None:
            fitting = list(islice(self.events.values(), 2))
        elif one.time is None:
            fitting = [*self.by_day[one.date][:2], *self.by_day[None][:2]]
        else:
            whens: list[When] = [(one.date, one.time), (one.date, None), (None, None)]
            fitting = [self.events[when] for when in whens if when in self.events]
        return fitting[0] if len(fitting) == 1 else None

    @cached_property
    def unknown(self) -> dict[date | None, list[When]]:
        """The times at which the book lists the show and no event is stored, by day."""
        return _by_day(self.listed - self.stored)

    @cached_property
    def known(self) -> dict[date | None, list[When]]:
        """The times at which the book lists the show or an event is stored, by day."""
        return _by_day(self.listed | self.stored)


def _by_day(whens: Iterable[When]) -> dict[date | None, list[When]]:
    days: dict[date | None, list[When]] = {}
    for when in whens:
        days.setdefault(when[0], []).append(when)
    return days


def match(listed: Collection[Listed], broker: Broker) -> dict[Listed, Meant]:
    """Return the event of a broker that each listing means.

    A stored event whose date or time is to be announced is matched by a listing that announces it,
    unless it could be another event of the book as well. A listing without a date or time matches
    the only event that agrees with it. A listing that matches no event gets a new one. Nothing is
    written to the database.
    """
    shows: defaultdict[tuple[str, str], _Show] = defaultdict(_Show)
    for stored in Event.objects.filter(broker=broker):
        show = shows[stored.name, stored.venue]
        show.add(stored)
        show.stored.add((stored.date, stored.time))
    for one in listed:
        shows[one.name, one.venue].listed.add(one[2:])
    found: dict[Listed, Meant] = {}
    # Exact listings come first, so that less exact ones find the events they mean.
    for one in sorted(listed, key=lambda one: (one.date is None, one.time is None)):
        show = shows[one.name, one.venue]
        event = show.events.get(one[2:]) or show.only(one)
        if event and says_more(one, event) and _contested(one, event, show):
            event = None
        unsaved = event is None or event._state.adding
        if event is None:
            event = new(one, broker)
            show.add(event)
        elif says_more(one, event):
            show.announce(event, one)
            unsaved = True
        found[one] = Meant(event, unsaved)
    return found


def new(one: Listed, broker: Broker) -> Event:
    """Return a new, unsaved event of a broker for a listing."""
    name, venue, day, start = one
    return Event(
        broker=broker, name=name, venue=venue, date=day, time=start, time_zone=broker.time_zone
    )


def could_be(one: Listed, event: Event) -> bool:
    """Return whether a listing may mean an event: nothing that both state differs."""
    same_name = (one.name, one.venue) == (event.name, event.venue)
    return same_name and _agree(one[2:], (event.date, event.time))


def says_more(one: Listed, event: Event) -> bool:
    """Return whether a listing has a date or time that the event does not have yet."""
    return bool((event.date is None and one.date) or (event.time is None and one.time))


def announce(one: Listed, event: Event) -> None:
    """Give an event the date and time that a listing has for it, without saving it."""
    event.date, event.time = one.date or event.date, one.time or event.time


def _agree(one: When, other: When) -> bool:
    return all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def _contested(one: Listed, event: Event, show: _Show) -> bool:
    """Return whether an event that `one` would announce could be another event of the book.

    Tickets of the event may be claimed, and they would then be for the wrong day. Other stored
    events count too if the book also lists this event without its date or time: afterwards that
    listing would be ambiguous.
    """
    now = event.date, event.time
    days = show.known if now in show.listed else show.unknown
    # A time that agrees with `now` has its day or no day. If `now` has no day, every time agrees.
    there = days if now[0] is None else (now[0], None)
    others = chain.from_iterable(days.get(day, ()) for day in there)
    return any(_agree(when, now) and not _agree(when, one[2:]) for when in others)
