"""Reads dates and times as point-of-sale systems write them. They are local to the venue."""

import datetime as dt
import re

from inventory.book.cells import BadCell, flag, unpadded

TO_BE_ANNOUNCED = frozenset({"tba", "tbd"})
PLACEHOLDERS = frozenset({dt.time(3, 0), dt.time(3, 30)})  # TEvo writes these for an unknown time
YEARS_AHEAD = 10
EARLIEST = 1900  # some programs write the year 1 for an unknown date

US_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?:\s+(\S.*))?")
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T\s]\s*(\S.*))?")
CLOCK = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:\s*([ap])\.?m\.?)?", re.IGNORECASE
)
# A moment with its time zone. "UTC" at the end keeps spreadsheets from recognising it as a date and
# saving it in another form.
MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?) ?(UTC|Z|[+-][0-9]{2}:[0-9]{2})"
)
HALF_DAY = 12


def event_date(cell: str, *, today: dt.date, may_be_empty: bool) -> tuple[dt.date | None]:
    """Read the date of an event, or None if it is to be announced.

    A blank cell means so only if `may_be_empty` is true. `today` is the present day.

    Raises:
        BadCell: this is not a date, or it is too early or too far ahead.
    """
    day, _ = _moment(cell)
    if day is None and not may_be_empty and not unpadded(cell):
        raise BadCell("must not be empty: mm/dd/yyyy, or TBA")
    if day and day.year < EARLIEST:
        raise BadCell(f"must be a date from {EARLIEST} on, or TBA")
    if day and (day.year - YEARS_AHEAD, day.month, day.day) > (today.year, today.month, today.day):
        raise BadCell(f"must not be more than {YEARS_AHEAD} years ahead")
    return (day,)


def event_time(
    cell: str, date_cell: str, *, today: dt.date, may_be_empty: bool
) -> tuple[dt.time | None]:
    """Read the start of an event, or None if it is to be announced.

    It is in a cell of its own, or follows the date in the cell of the date.

    Raises:
        BadCell: this is not a time, it has no date, or `event_date` refuses the date.
    """
    try:
        (day,) = event_date(date_cell, today=today, may_be_empty=may_be_empty)
    except BadCell as bad:
        raise BadCell(bad.expected, argument=1) from None
    _, start = _moment(date_cell)
    # Programs that have no time for an event write midnight beside its date.
    start = None if start == dt.time() else start
    if text := unpadded(cell):
        start = None if text.lower() in TO_BE_ANNOUNCED else _clock(text)
    if start in PLACEHOLDERS:
        return (None,)
    if start and day is None:
        raise BadCell("must be empty or TBA while the date is to be announced")
    return (start,)


def in_hand_on(flag_cell: str, date_cell: str) -> tuple[dt.date | None]:
    """Read the date from which the tickets are in hand, or None if they are in hand now.

    Raises:
        BadCell: a cell is not valid, or the tickets are not in hand and no date is given.
    """
    (in_hand,) = flag(flag_cell, blank=True)
    try:
        day, _ = _moment(date_cell)
    except BadCell as bad:
        raise BadCell(bad.expected, argument=1) from None
    if day is None and not in_hand:
        raise BadCell("is N, so an in-hand date is needed")
    return (day,)


def as_of(cell: str) -> tuple[dt.datetime | None]:
    """Read the moment at which the inventory was as the file says, or None if the cell is blank.

    The result is in UTC.

    Raises:
        BadCell: this is not a moment with a time zone.
    """
    text = unpadded(cell)
    if not text:
        return (None,)
    expected = "must be a moment such as 2026-11-23 18:04:05 UTC"
    found = MOMENT.fullmatch(text)
    if not found:
        raise BadCell(expected)
    day, clock, zone = found.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{clock}{zone.replace('UTC', 'Z')}")
        return (moment.astimezone(dt.UTC),)
    except (ValueError, OverflowError):
        raise BadCell(expected) from None


def written_as_of(moment: dt.datetime | None) -> str:
    """Return the cell that `as_of` reads back as exactly this moment. None gives a blank cell."""
    if moment is None:
        return ""
    in_utc = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return f"{in_utc.isoformat(' ', 'microseconds')} UTC"


def _moment(cell: str) -> tuple[dt.date | None, dt.time | None]:
    """Read a date, and the time if one follows it."""
    text = unpadded(cell)
    if not text or text.lower() in TO_BE_ANNOUNCED:
        return None, None
    if found := ISO_DATE.fullmatch(text):
        year, month, day = map(int, found.groups()[:3])
    elif found := US_DATE.fullmatch(text):
        month, day, year = map(int, found.groups()[:3])
    else:
        raise BadCell("must be a date: mm/dd/yyyy or yyyy-mm-dd, or TBA")
    try:
        date = dt.date(year, month, day)
    except ValueError:
        raise BadCell("must be a day of the calendar: mm/dd/yyyy or yyyy-mm-dd") from None
    return date, _clock(found[4]) if found[4] else None


def _clock(text: str) -> dt.time:
    expected = "must be a time such as 6:05PM or 18:05, with no time zone, or TBA"
    found = CLOCK.fullmatch(text)
    if not found:
        raise BadCell(expected)
    hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), found[5]
    microsecond = int((found[4] or "0")[:6].ljust(6, "0"))
    if half:
        if not 1 <= hour <= HALF_DAY:
            raise BadCell(expected)
        hour = hour % HALF_DAY + (HALF_DAY if half in "pP" else 0)
    try:
        return dt.time(hour, minute, second, microsecond)
    except ValueError:
        raise BadCell(expected) from None
