"""The shows of the demo, with the areas of their venues in which the broker has tickets.

They are the same each time except for their dates, which count from the day they are loaded. Sizes
and split rules are mixed as with real brokers, but rare ones are more frequent.
"""

from datetime import date, time, timedelta
from enum import Enum
from typing import Any, NamedTuple

from inventory.split_rules import SplitRule

Weighted = tuple[tuple[Any, ...], ...]  # rows that end with their weight

MONDAY, WEDNESDAY, FRIDAY, SATURDAY, SUNDAY = 0, 2, 4, 5, 6


# Quantity, split rule, quantities of a custom rule, and weight.
SIZES = (
    (2, SplitRule.NONE, (), 32),
    (2, SplitRule.ANY, (), 8),
    (1, SplitRule.ANY, (), 4),
    (3, SplitRule.CUSTOM, (1, 3), 8),
    (4, SplitRule.PAIRS, (), 12),
    (4, SplitRule.NEVER_LEAVE_ONE, (), 8),
    (4, SplitRule.NONE, (), 4),
    (5, SplitRule.NEVER_LEAVE_ONE, (), 4),
    (6, SplitRule.NEVER_LEAVE_ONE, (), 6),
    (6, SplitRule.PAIRS, (), 4),
    (8, SplitRule.NEVER_LEAVE_ONE, (), 8),
    (10, SplitRule.CUSTOM, (2, 4, 6), 2),
)
CROWD_SIZES = (
    (8, SplitRule.ANY, (), 2),
    (12, SplitRule.NEVER_LEAVE_ONE, (), 2),
    (20, SplitRule.PAIRS, (), 1),
    (24, SplitRule.ANY, (), 2),
)
PASS_SIZES = ((1, SplitRule.ANY, (), 1), (3, SplitRule.ANY, (), 2), (4, SplitRule.ANY, (), 1))


class Seating(Enum):
    """The ways to label the seats of a row."""

    CONSECUTIVE = "7, 8, 9"
    ODD = "7, 9, 11"
    EVEN = "8, 10, 12"
    LETTERS = "A, B, C"
    GENERAL = "no seat numbers"


class Area(NamedTuple):
    """An area of a venue, with the price of its first row and its number of ticket groups."""

    sections: tuple[str, ...]
    rows: tuple[str, ...]
    seating: Seating
    price: int
    groups: int
    sizes: Weighted = SIZES


class Show(NamedTuple):
    """An event, on the first `weekday` at least `days` days from today.

    `days` is None if the date is to be announced, and `time` likewise.
    """

    name: str
    venue: str
    time_zone: str
    days: int | None
    weekday: int
    time: time | None
    areas: tuple[Area, ...]

    def date(self, today: date) -> date | None:
        """Return the date of the event if it is loaded `today`."""
        if self.days is None:
            return None
        earliest = today + timedelta(days=self.days)
        return earliest + timedelta(days=(self.weekday - earliest.weekday()) % 7)


def numbered(first: int, last: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(first, last + 1))


LETTERS = tuple("ABCDEFGHJKLMNP")
GA = ("GA",)
EAST, CENTRAL, WEST = "America/New_York", "America/Chicago", "America/Los_Angeles"


def arena(lower: int, upper: int, floor: int = 0) -> tuple[Area, ...]:
    """Return the areas of an arena, with the given numbers of ticket groups on its levels."""
    return (
        Area(("Floor A", "Floor B", "Floor C"), numbered(1, 18), Seating.CONSECUTIVE, 310, floor),
        Area(numbered(101, 122), numbered(1, 24), Seating.CONSECUTIVE, 165, lower),
        Area(numbered(301, 330), numbered(1, 16), Seating.CONSECUTIVE, 58, upper),
    )


def stadium(lower: int, club: int, upper: int) -> tuple[Area, ...]:
    """Return the areas of a stadium, with the given numbers of ticket groups on its levels."""
    return (
        Area(numbered(101, 148), numbered(1, 38), Seating.CONSECUTIVE, 185, lower),
        Area(("Club 214", "Club 215", "Club 238"), numbered(1, 12), Seating.CONSECUTIVE, 290, club),
        Area(numbered(301, 350), numbered(1, 25), Seating.CONSECUTIVE, 82, upper),
    )


def theatre(each: int) -> tuple[Area, ...]:
    """Return the areas of a theatre, which has odd seats on the left and even ones on the right."""
    return (
        Area(("Orchestra Left",), LETTERS, Seating.ODD, 149, each),
        Area(("Orchestra Right",), LETTERS, Seating.EVEN, 149, each),
        Area(("Orchestra Center",), LETTERS, Seating.CONSECUTIVE, 219, each),
        Area(("Mezzanine",), LETTERS, Seating.CONSECUTIVE, 98, each),
    )


def general(*prices: tuple[str, int], sizes: Weighted = CROWD_SIZES) -> tuple[Area, ...]:
    """Return areas without seat numbers, with one ticket group for each name and price."""
    return tuple(Area((name,), GA, Seating.GENERAL, price, 1, sizes) for name, price in prices)


SHOWS = (
    Show("The Paper Lanterns", "Harborview Arena, Boston", EAST, 16, FRIDAY, time(20),
         arena(lower=10, upper=8, floor=5)),
    Show("Boston Anchors vs. Philadelphia Foundry", "Harborview Arena, Boston", EAST, 9, WEDNESDAY,
         time(19, 30), arena(lower=10, upper=8)),
    Show("Boston Anchors vs. Chicago Gales", "Harborview Arena, Boston", EAST, 37, SATURDAY,
         time(18), arena(lower=9, upper=7)),
    Show("Boston Anchors: Playoffs, Round 1, Home Game 1 (if necessary)",
         "Harborview Arena, Boston", EAST, None, MONDAY, None, arena(lower=6, upper=5)),
    Show("New Jersey Ironmen vs. Denver Summit", "Meadow Field, East Rutherford", EAST, 12, SUNDAY,
         time(13), stadium(lower=9, club=4, upper=8)),
    Show("New Jersey Ironmen vs. Austin Drovers", "Meadow Field, East Rutherford", EAST, 40, SUNDAY,
         None, stadium(lower=7, club=3, upper=5)),
    Show("PARKING: New Jersey Ironmen vs. Denver Summit", "Meadow Field Lots, East Rutherford",
         EAST, 12, SUNDAY, time(9),
         general(("Lot F", 45), ("Lot K", 38), ("Platinum Lot", 95), sizes=PASS_SIZES)),
    Show("The Clockmaker's Daughter", "Orpheus Theatre, New York", EAST, 23, SATURDAY, time(14),
         theatre(each=5)),
    Show("The Clockmaker's Daughter (evening)", "Orpheus Theatre, New York", EAST, 51, FRIDAY,
         time(19, 30), theatre(each=4)),
    Show("Dana Whitlock: Second Draft", "The Cellar Door, Chicago", CENTRAL, 30, SATURDAY,
         time(21, 30), (Area(("Table",), numbered(1, 30), Seating.LETTERS, 64, 8),)),
    Show("Velvet Static", "Foundry Hall, Chicago", CENTRAL, 65, FRIDAY, time(20),
         (*general(("GA Floor", 79), ("GA Balcony", 62), ("VIP Early Entry", 145)),
          Area(("Loge",), LETTERS, Seating.CONSECUTIVE, 118, 5))),
    Show("Tidewater Music Festival: 3-Day Pass", "Pier Park, Oakland", WEST, 190, FRIDAY, time(11),
         general(("General Admission", 329), ("VIP", 749), ("Camping", 129), ("Shuttle Pass", 55))),
)  # fmt: skip
