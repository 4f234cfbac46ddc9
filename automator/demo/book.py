"""The demo's book: what a broker might have for sale in the coming months.

The book is the same each time except for its dates, which count from the day it is loaded. Sizes
and split rules are mixed as in the books of real brokers, but rare ones are more frequent.
"""

import random
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from inventory.models import StockType
from inventory.split_rules import SplitRule

Weighted = tuple[tuple[Any, ...], ...]  # rows that end with their weight

FIRST_REMOTE_ID = 605_690_000
MOST_GROUPS = 100  # in one show; each show has its own range of remote ids
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


class Part(NamedTuple):
    """A part of a venue, with the price of its first row and its number of ticket groups."""

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
    parts: tuple[Part, ...]

    def date(self, today: date) -> date | None:
        """Return the date of the event if the book is loaded `today`."""
        if self.days is None:
            return None
        earliest = today + timedelta(days=self.days)
        return earliest + timedelta(days=(self.weekday - earliest.weekday()) % 7)


def numbered(first: int, last: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(first, last + 1))


LETTERS = tuple("ABCDEFGHJKLMNP")
GA = ("GA",)
EAST, CENTRAL, WEST = "America/New_York", "America/Chicago", "America/Los_Angeles"


def arena(lower: int, upper: int, floor: int = 0) -> tuple[Part, ...]:
    """Return the parts of an arena, with the given numbers of ticket groups on its levels."""
    return (
        Part(("Floor A", "Floor B", "Floor C"), numbered(1, 18), Seating.CONSECUTIVE, 310, floor),
        Part(numbered(101, 122), numbered(1, 24), Seating.CONSECUTIVE, 165, lower),
        Part(numbered(301, 330), numbered(1, 16), Seating.CONSECUTIVE, 58, upper),
    )


def stadium(lower: int, club: int, upper: int) -> tuple[Part, ...]:
    """Return the parts of a stadium, with the given numbers of ticket groups on its levels."""
    return (
        Part(numbered(101, 148), numbered(1, 38), Seating.CONSECUTIVE, 185, lower),
        Part(("Club 214", "Club 215", "Club 238"), numbered(1, 12), Seating.CONSECUTIVE, 290, club),
        Part(numbered(301, 350), numbered(1, 25), Seating.CONSECUTIVE, 82, upper),
    )


def theatre(each: int) -> tuple[Part, ...]:
    """Return the parts of a theatre, which has odd seats on the left and even ones on the right."""
    return (
        Part(("Orchestra Left",), LETTERS, Seating.ODD, 149, each),
        Part(("Orchestra Right",), LETTERS, Seating.EVEN, 149, each),
        Part(("Orchestra Center",), LETTERS, Seating.CONSECUTIVE, 219, each),
        Part(("Mezzanine",), LETTERS, Seating.CONSECUTIVE, 98, each),
    )


def general(*prices: tuple[str, int], sizes: Weighted = CROWD_SIZES) -> tuple[Part, ...]:
    """Return parts without seat numbers, with one ticket group for each name and price."""
    return tuple(Part((name,), GA, Seating.GENERAL, price, 1, sizes) for name, price in prices)


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
         time(21, 30), (Part(("Table",), numbered(1, 30), Seating.LETTERS, 64, 8),)),
    Show("Velvet Static", "Foundry Hall, Chicago", CENTRAL, 65, FRIDAY, time(20),
         (*general(("GA Floor", 79), ("GA Balcony", 62), ("VIP Early Entry", 145)),
          Part(("Loge",), LETTERS, Seating.CONSECUTIVE, 118, 5))),
    Show("Tidewater Music Festival: 3-Day Pass", "Pier Park, Oakland", WEST, 190, FRIDAY, time(11),
         general(("General Admission", 329), ("VIP", 749), ("Camping", 129), ("Shuttle Pass", 55))),
)  # fmt: skip

STOCK_TYPES = (
    (StockType.MOBILE_TRANSFER, 60),
    (StockType.ELECTRONIC, 18),
    (StockType.HARD, 8),
    (StockType.FLASH, 5),
    (StockType.PAPERLESS, 3),
    (StockType.PAPERLESS_CARD, 3),
    (StockType.MOBILE_SCREENCAP, 3),
)
PUBLIC_NOTES = (
    ("", 60),
    ("XFER. Mobile transfer only.", 14),
    ("Aisle seats.", 10),
    ("Limited view.", 5),
    ("Includes club access. 21+.", 5),
    ("Wheelchair accessible.", 3),
)
NO_NOTES = (("", 1),)
INTERNAL_NOTES = (
    ("", 70),
    ("Season tickets, account 4471.", 15),
    ("Consigned by R. Alvarez, 60/40.", 8),
    ("Do not go below cost.", 7),
)


def groups(show: Show, today: date) -> Iterator[dict[str, Any]]:
    """Yield the fields of each ticket group of a show, in the same order every time."""
    chance = random.Random(show.name)  # noqa: S311  not used for secrets
    remote_ids = iter(range(MOST_GROUPS))
    first = FIRST_REMOTE_ID + MOST_GROUPS * SHOWS.index(show)
    for part in show.parts:
        spots = [(section, row) for section in part.sections for row in part.rows]
        for section, row in chance.sample(spots, part.groups):
            price = part.price * (1 - 0.4 * part.rows.index(row) / len(part.rows))
            yield {
                "remote_id": str(first + next(remote_ids)),
                "section": section,
                "row": row,
                **_tickets(part, chance),
                **_money(round(price * chance.uniform(0.9, 1.2)), part.price, chance),
                "stock_type": weighted(STOCK_TYPES, chance),
                "in_hand_on": _in_hand_on(show.date(today), today, chance),
                "public_notes": weighted(PUBLIC_NOTES if part.sizes is SIZES else NO_NOTES, chance),
                "internal_notes": weighted(INTERNAL_NOTES, chance),
                "on_sale": chance.random() > 0.03,  # noqa: PLR2004
            }


def weighted(choices: Weighted, chance: random.Random) -> Any:
    """Choose one of `choices` by weight, and return it without the weight."""
    chosen = chance.choices(choices, [choice[-1] for choice in choices])[0][:-1]
    return chosen[0] if len(chosen) == 1 else chosen


def _tickets(part: Part, chance: random.Random) -> dict[str, Any]:
    quantity, rule, custom = weighted(part.sizes, chance)
    return {
        "seats": _seats(part.seating, quantity, chance.randint(1, 20)),
        "quantity": quantity,
        "split_rule": rule.value,
        "split_quantities": list(custom),
    }


def _seats(seating: Seating, quantity: int, lowest: int) -> list[str]:
    match seating:
        case Seating.GENERAL:
            return []
        case Seating.LETTERS:
            return list(LETTERS[:quantity])
        case Seating.CONSECUTIVE:
            return [str(lowest + place) for place in range(quantity)]
    odd = seating is Seating.ODD
    return [str(2 * (lowest + place) - odd) for place in range(quantity)]


def _money(price: int, face_value: int, chance: random.Random) -> dict[str, Decimal]:
    cost = Decimal(price) * Decimal(chance.randint(60, 95)) / 100
    return {
        "price": Decimal(price),
        "cost": cost.quantize(Decimal("0.01")),
        "face_value": Decimal(face_value) * Decimal("0.7"),
    }


def _in_hand_on(day: date | None, today: date, chance: random.Random) -> date | None:
    """Return some day before the event, or None for the majority, which are in hand now."""
    before = chance.randint(2, 14)
    if chance.random() > 0.25 or day is None:  # noqa: PLR2004
        return None
    comes = day - timedelta(days=before)
    return comes if comes > today else None
