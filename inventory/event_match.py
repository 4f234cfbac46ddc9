"""Which event of a broker a row of a book means."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, time
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


@dataclass(slots=True)
class _Show:
    """What is known of one name at one venue: events, and when they are stored and listed to be."""

    events: list[Event] = field(default_factory=list)
    stored: set[When] = field(default_factory=set)
    listed: set[When] = field(default_factory=set)


def match(listed: Collection[Listed], broker: Broker) -> dict[Listed, Meant]:
    """The event that each listing means.

    An event whose date or time was to be announced is the same event once a book says when, unless
    the book has another one that it could be as well. A book that does not say when means the one
    event that it can mean. Nothing is written.
    """
    shows: defaultdict[tuple[str, str], _Show] = defaultdict(_Show)
    for stored in Event.objects.filter(broker=broker):
        show = shows[stored.name, stored.venue]
        show.events.append(stored)
        show.stored.add((stored.date, stored.time))
    for one in listed:
        shows[one.name, one.venue].listed.add(one[2:])
    found: dict[Listed, Meant] = {}
    # The most exact listings first, so that a vaguer one finds what they mean.
    for one in sorted(listed, key=lambda one: (one.date is None, one.time is None)):
        show = shows[one.name, one.venue]
        event = _exact(one, show.events) or _only(one, show.events)
        if event and says_more(one, event) and _contested(one, event, show):
            event = None
        unsaved = event is None or event._state.adding
        if event is None:
            event = new(one, broker)
            show.events.append(event)
        elif says_more(one, event):
            announce(one, event)
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


def _exact(one: Listed, events: list[Event]) -> Event | None:
    return next((e for e in events if (e.date, e.time) == (one.date, one.time)), None)


def _only(one: Listed, events: list[Event]) -> Event | None:
    """The one event that says nothing else about when it is, if there is just one."""
    fitting = [event for event in events if could_be(one, event)]
    return fitting[0] if len(fitting) == 1 else None


def _contested(one: Listed, event: Event, show: _Show) -> bool:
    """Whether an event that is to be announced could be another one of the book as well.

    Tickets of it may be claimed: they would be for the wrong day. What is stored besides counts
    where the book still leaves open when this one is: it would mean either of them afterwards.
    """
    now = event.date, event.time
    others = show.listed - show.stored
    if now in show.listed:
        others |= show.stored - {now}
    return any(_agree(when, now) and not _agree(when, one[2:]) for when in others)
