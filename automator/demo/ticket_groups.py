"""The ticket groups of the demo's shows, which are the same each time except for their dates."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from automator.demo.shows import LETTERS, SHOWS, SIZES, Area, Seating, Show, Weighted
from inventory.models import StockType

FIRST_REMOTE_ID = 605_690_000
MOST_GROUPS = 100  # in one show; each show has its own range of remote ids

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


def fields_of_groups(show: Show, today: date) -> Iterator[dict[str, Any]]:
    """Yield the fields of each ticket group of a show, in the same order every time."""
    chance = random.Random(show.name)  # noqa: S311  not used for secrets
    remote_ids = iter(range(MOST_GROUPS))
    first = FIRST_REMOTE_ID + MOST_GROUPS * SHOWS.index(show)
    for area in show.areas:
        spots = [(section, row) for section in area.sections for row in area.rows]
        for section, row in chance.sample(spots, area.groups):
            price = area.price * (1 - 0.4 * area.rows.index(row) / len(area.rows))
            yield {
                "remote_id": str(first + next(remote_ids)),
                "section": section,
                "row": row,
                **_tickets(area, chance),
                **_money(round(price * chance.uniform(0.9, 1.2)), area.price, chance),
                "stock_type": weighted(STOCK_TYPES, chance),
                "in_hand_on": _in_hand_on(show.date(today), today, chance),
                "public_notes": weighted(PUBLIC_NOTES if area.sizes is SIZES else NO_NOTES, chance),
                "internal_notes": weighted(INTERNAL_NOTES, chance),
                "on_sale": chance.random() > 0.03,  # noqa: PLR2004
            }


def weighted(choices: Weighted, chance: random.Random) -> Any:
    """Choose one of `choices` by weight, and return it without the weight."""
    chosen = chance.choices(choices, [choice[-1] for choice in choices])[0][:-1]
    return chosen[0] if len(chosen) == 1 else chosen


def _tickets(area: Area, chance: random.Random) -> dict[str, Any]:
    quantity, rule, custom = weighted(area.sizes, chance)
    return {
        "seats": _seats(area.seating, quantity, chance.randint(1, 20)),
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
