"""Writes rows as a book, in the formats that the reader and point-of-sale systems read."""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import islice

from inventory.book.date_cells import written_as_of
from inventory.book.formulas import defused
from inventory.book.rows import Row
from inventory.book.ticket_cells import ends, seat_list
from inventory.split_rules import SplitRule

# How many rows a chunk has, and how many lists of seats are remembered with their cells.
AT_ONCE = 1000
REMEMBERED = 4096
HALF_DAY = 12

WRITTEN = ("sync", "tevo")  # the formats that can be written

SPLIT_RULES = {
    SplitRule.ANY: "ANY",
    SplitRule.NONE: "NONE",
    SplitRule.NEVER_LEAVE_ONE: "NEVERLEAVEONE",
    SplitRule.PAIRS: "PAIRS",
    SplitRule.CUSTOM: "CUSTOM",
}
Cell = Callable[[Row], str]
# Headers that an export for others lacks: the private ones, and one whose value would always be the
# same.
PRIVATE = frozenset({"internal_notes", "cost"})
NEEDLESS = frozenset({"broadcast"})

_seat_list, _ends = (lru_cache(REMEMBERED)(written) for written in (seat_list, ends))


def _us_date(day: dt.date | None) -> str:
    return f"{day.month:02}/{day.day:02}/{day.year:04}" if day else "TBA"


def _us_time(start: dt.time | None) -> str:
    if start is None:
        return "TBA"
    exact = start.second or start.microsecond
    rest = start.isoformat()[2:] if exact else f":{start.minute:02}"
    return f"{start.hour % HALF_DAY or HALF_DAY}{rest}{'PM' if start.hour >= HALF_DAY else 'AM'}"


def _iso_moment(row: Row) -> str:
    if row.date is None:
        return "TBA"
    return f"{row.date}T{row.time}" if row.time else str(row.date)


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"


def _yes(value: object) -> str:
    return "Y" if value else "N"


def shapes(today: dt.date) -> dict[str, dict[str, Cell]]:
    """Return the headers of each format in the usual order, with the function that writes the cell.

    `today` decides whether tickets are in hand.
    """
    return {
        "tevo": {
            "Event": lambda row: defused(row.event_name),
            "Venue": lambda row: defused(row.venue),
            "EventDate": lambda row: _us_date(row.date),
            "EventTime": lambda row: _us_time(row.time),
            "Quantity": lambda row: str(row.quantity),
            "Section": lambda row: defused(row.section),
            "Row": lambda row: defused(row.row),
            "SeatFrom": lambda row: _ends(row.seats)[0],
            "SeatThru": lambda row: _ends(row.seats)[1],
            "Notes": lambda row: defused(row.public_notes),
            "Cost": lambda row: _money(row.price),
            "TicketID": lambda row: defused(row.remote_id),
            "Seats": lambda row: _seat_list(row.seats),
            "AsOf": lambda row: written_as_of(row.as_of),
        },
        "sync": {
            "inventory_id": lambda row: defused(row.remote_id),
            "event_name": lambda row: defused(row.event_name),
            "venue_name": lambda row: defused(row.venue),
            "event_date": _iso_moment,
            # Beside a date, midnight would be read as no time at all.
            "event_time": lambda row: row.time.isoformat() if row.time else "TBA",
            "quantity": lambda row: str(row.quantity),
            "section": lambda row: defused(row.section),
            "row": lambda row: defused(row.row),
            "seats": lambda row: _seat_list(row.seats),
            "internal_notes": lambda row: defused(row.internal_notes),
            "public_notes": lambda row: defused(row.public_notes),
            "list_price": lambda row: _money(row.price),
            "face_price": lambda row: _money(row.face_value),
            "cost": lambda row: _money(row.cost),
            "in_hand": lambda row: _yes(row.in_hand_on is None or row.in_hand_on <= today),
            "in_hand_date": lambda row: str(row.in_hand_on or ""),
            "split_type": lambda row: SPLIT_RULES[SplitRule(row.split_rule)],
            "custom_split": lambda row: ",".join(map(str, row.split_quantities)),
            "stock_type": lambda row: row.stock_type,
            "broadcast": lambda row: _yes(row.on_sale),
            "as_of": lambda row: written_as_of(row.as_of),
        },
    }


def write_book(
    rows: Iterable[Row],
    *,
    format: str,  # noqa: A002  the field's word
    for_others: bool,
    today: dt.date,
) -> Iterator[str]:
    """Return the text of a book in chunks of whole lines, beginning with the header row.

    Every cell is in quotes. `format` is one of WRITTEN. If `for_others` is true, the columns that
    only the broker may see are left out. `today` decides whether tickets are in hand.
    """
    shape = shapes(today)[format]
    hidden = PRIVATE | NEEDLESS if for_others else frozenset()
    cells = {header: cell for header, cell in shape.items() if header not in hidden}
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(cells)
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        writer.writerows([[cell(row) for cell in cells.values()] for row in some])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()
