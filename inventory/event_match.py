"""Which event of a broker a row of a book means."""

from collections.abc import Iterable
from datetime import date, time
from typing import NamedTuple

from inventory.models import Broker, Event


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


def match(listed: Iterable[Listed], broker: Broker) -> dict[Listed, Meant]:
    """The event that each listing means.

    An event whose date or time was to be announced is the same event once a book says when, and a
    book that does not say when means the one event that it can mean. Nothing is written.
    """
    known: dict[tuple[str, str], list[Event]] = {}
    for stored in Event.objects.filter(broker=broker):
        known.setdefault((stored.name, stored.venue), []).append(stored)
    found: dict[Listed, Meant] = {}
    # The most exact listings first, so that a vaguer one finds what they mean.
    for one in sorted(listed, key=lambda one: (one.date is None, one.time is None)):
        there = known.setdefault((one.name, one.venue), [])
        event = _exact(one, there) or _only(one, there)
        unsaved = event is None or event._state.adding
        if event is None:
            event = Event(
                broker=broker,
                name=one.name,
                venue=one.venue,
                date=one.date,
                time=one.time,
                time_zone=broker.time_zone,
            )
            there.append(event)
        elif (event.date is None and one.date) or (event.time is None and one.time):
            event.date, event.time = one.date or event.date, one.time or event.time
            unsaved = True
        found[one] = Meant(event, unsaved)
    return found


def _exact(one: Listed, events: list[Event]) -> Event | None:
    return next((e for e in events if (e.date, e.time) == (one.date, one.time)), None)


def _only(one: Listed, events: list[Event]) -> Event | None:
    """The one event that says nothing else about when it is, if there is just one."""
    fitting = [
        event
        for event in events
        if (one.date is None or event.date in (None, one.date))
        and (one.time is None or event.time in (None, one.time))
    ]
    return fitting[0] if len(fitting) == 1 else None
