"""Which event of a broker a row of a book means."""

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
    """An event as a book writes it; None is to be announced."""

    name: str
    venue: str
    date: date | None
    time: time | None


class Meant(NamedTuple):
    """The event that a listing means, and whether it must be saved: it is new, or announced."""

    event: Event
    unsaved: bool


@dataclass
class _Show:
    """What is known of one name at one venue: events, and when they are stored and listed to be.

    A book may list a show at thousands of times, so events and times are looked up by their day.
    """

    stored: set[When] = field(default_factory=set)
    listed: set[When] = field(default_factory=set)
    events: dict[When, Event] = field(default_factory=dict)
    by_day: defaultdict[date | None, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        """Keep an event under its date and time."""
        self.events[event.date, event.time] = event
        self.by_day[event.date].append(event)

    def announce(self, event: Event, one: Listed) -> None:
        """Give an event that is kept here the date and time that a listing has for it."""
        del self.events[event.date, event.time]
        self.by_day[event.date].remove(event)
        announce(one, event)
        self.add(event)

    def only(self, one: Listed) -> Event | None:
        """The one event that says nothing else about when it is, if there is just one."""
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
        """When the book lists the show and no stored event is, by day."""
        return _by_day(self.listed - self.stored)

    @cached_property
    def known(self) -> dict[date | None, list[When]]:
        """When the book lists the show or a stored event is, by day."""
        return _by_day(self.listed | self.stored)


def _by_day(whens: Iterable[When]) -> dict[date | None, list[When]]:
    days: dict[date | None, list[When]] = {}
    for when in whens:
        days.setdefault(when[0], []).append(when)
    return days


def match(listed: Collection[Listed], broker: Broker) -> dict[Listed, Meant]:
    """The event that each listing means.

    An event whose date or time was to be announced is the same event once a book says when, unless
    the book has another one that it could be as well. A book that does not say when means the one
    event that it can mean. Nothing is written.
    """
    shows: defaultdict[tuple[str, str], _Show] = defaultdict(_Show)
    for stored in Event.objects.filter(broker=broker):
        show = shows[stored.name, stored.venue]
        show.add(stored)
        show.stored.add((stored.date, stored.time))
    for one in listed:
        shows[one.name, one.venue].listed.add(one[2:])
    found: dict[Listed, Meant] = {}
    # The most exact listings first, so that a vaguer one finds what they mean.
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
    """The event of a listing, not saved."""
    name, venue, day, start = one
    return Event(
        broker=broker, name=name, venue=venue, date=day, time=start, time_zone=broker.time_zone
    )


def could_be(one: Listed, event: Event) -> bool:
    """Whether a listing and an event may be the same: neither says what the other does not."""
    same_name = (one.name, one.venue) == (event.name, event.venue)
    return same_name and _agree(one[2:], (event.date, event.time))


def says_more(one: Listed, event: Event) -> bool:
    """Whether a listing says of an event what was to be announced."""
    return bool((event.date is None and one.date) or (event.time is None and one.time))


def announce(one: Listed, event: Event) -> None:
    """Give an event the date and time that a listing has for it, in memory."""
    event.date, event.time = one.date or event.date, one.time or event.time


def _agree(one: When, other: When) -> bool:
    return all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def _contested(one: Listed, event: Event, show: _Show) -> bool:
    """Whether an event that is to be announced could be another one of the book as well.

    Tickets of it may be claimed: they would be for the wrong day. What is stored besides counts
    where the book still leaves open when this one is: it would mean either of them afterwards.
    """
    now = event.date, event.time
    days = show.known if now in show.listed else show.unknown
    # A time that agrees with `now` is of its day or of none; where `now` has no day, all agree.
    there = days if now[0] is None else (now[0], None)
    others = chain.from_iterable(days.get(day, ()) for day in there)
    return any(_agree(when, now) and not _agree(when, one[2:]) for when in others)
