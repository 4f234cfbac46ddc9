"""The formats of a book, and how the format of a file is recognised by its headers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.book.text_lines import BookError


def normalised(header: str) -> str:
    """Return a header in lower case, without spaces, underscores, hyphens and other signs."""
    return re.sub(r"[\W_]+", "", header).casefold()


class Column(NamedTuple):
    """A header that a format knows, and the fact that its column gives.

    `header` is the usual spelling, and `others` are further spellings, separated by spaces.
    """

    fact: str
    header: str
    others: str = ""

    @property
    def names(self) -> frozenset[str]:
        """All spellings of the header, normalised."""
        return frozenset(map(normalised, (self.header, *self.others.split())))


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    If several of its columns give the same fact, the first one that a file has is read.
    """

    name: str
    columns: tuple[Column, ...]
    required: frozenset[str]
    date_may_be_empty: bool = False

    def positions(self, headers: Sequence[str]) -> tuple[dict[str, int], list[str]]:
        """Return the index of the column that gives each fact, and messages on duplicate columns.

        `headers` is the header row of a file.
        """
        names = [normalised(header) for header in headers]
        found: dict[str, int] = {}
        twins: list[str] = []
        for column in self.columns:
            taken, spellings = set(found.values()), column.names
            at = [i for i, name in enumerate(names) if name in spellings and i not in taken]
            if not at or column.fact in found:
                continue
            found[column.fact] = at[0]
            if len(at) > 1:
                twice = " and ".join(f"“{headers[i]}”" for i in at)
                twins.append(f"The columns {twice} say the same. Keep one of them.")
        return found, twins

    def missing(self, found: Mapping[str, int]) -> list[str]:
        """Return the usual headers of the required facts that are not found."""
        required = self.required
        if "seats" in found:  # a list of seats replaces the first and the last seat
            required -= {"seat_from", "seat_thru"}
        elif {"seat_from", "seat_thru"} <= found.keys():
            required -= {"seats"}
        usual: dict[str, str] = {}
        for column in self.columns:
            usual.setdefault(column.fact, column.header)
        return [usual[fact] for fact in usual if fact in required and fact not in found]


EXCHANGE = (
    Column("event_name", "Event", "EventName"),
    Column("venue", "Venue", "VenueName"),
    Column("date", "EventDate", "Date"),
    Column("time", "EventTime", "Time"),
    Column("quantity", "Quantity", "Qty"),
    Column("section", "Section"),
    Column("row", "Row"),
    Column("seat_from", "SeatFrom", "SeatStart LowSeat"),
    Column("seat_thru", "SeatThru", "SeatThrough SeatTo SeatEnd HighSeat"),
    Column("remote_id", "TicketID", "RemoteID"),
)
OPTIONAL = (
    Column("seats", "Seats", "SeatNumbers"),
    Column("split_type", "SplitType", "SplitRule"),
    Column("split_value", "SplitValue", "CustomSplit SplitOverride Splits"),
    Column("face_value", "FaceValue", "FacePrice"),
    Column("stock_type", "StockType"),
    Column("in_hand", "InHand"),
    Column("in_hand_date", "InHandDate", "InHandOn"),
    Column("public_notes", "PublicNotes", "ExternalNotes"),
    Column("internal_notes", "InternalNotes"),
    # If a file also has public notes, its plain notes may be private and are read as internal.
    Column("public_notes", "Notes"),
    Column("internal_notes", "Notes"),
    Column("on_sale", "Broadcast"),
)
# Only this project's own exports have this column. Other programs ignore it.
AS_OF = Column("as_of", "AsOf")
REQUIRED = frozenset(
    {"remote_id", "event_name", "venue", "date", "quantity", "section", "row", "price"}
)

SYNC = Format(
    "sync",
    (
        Column("remote_id", "inventory_id", "RemoteID"),
        Column("event_name", "event_name"),
        Column("venue", "venue_name"),
        Column("date", "event_date"),
        Column("time", "event_time"),
        Column("quantity", "quantity"),
        Column("section", "section"),
        Column("row", "row"),
        Column("price", "list_price"),
        Column("cost", "cost"),
        Column("cost", "taxed_cost"),
        Column("seat_from", "seat_from"),
        Column("seat_thru", "seat_thru"),
        *OPTIONAL,
        AS_OF,
    ),
    REQUIRED | {"seats"},
    date_may_be_empty=True,
)
TEVO = Format(
    "tevo",
    (
        *EXCHANGE,
        Column(
            "seats", "Seats"
        ),  # not part of TEvo's format, but needed for seats that from and thru cannot express
        Column("public_notes", "Notes"),
        Column("price", "Cost"),  # TEvo calls the asking price so
        AS_OF,
    ),
    REQUIRED | {"time", "seat_from", "seat_thru"},
)
CLASSIC = Format(
    "classic",
    (
        *EXCHANGE,
        Column("price", "UnitListPrice", "ListPrice Price"),
        # In a file without a list price the cost is the asking price, as in TEvo's format.
        Column("price", "Cost", "UnitCost"),
        Column("cost", "Cost", "UnitCost"),
        *OPTIONAL,
        AS_OF,
    ),
    REQUIRED | {"time", "seat_from", "seat_thru"},
)
FORMATS = {form.name: form for form in (SYNC, TEVO, CLASSIC)}

# Headers that point-of-sale systems use, but whose content is not stored. Staff are told so.
NOT_KEPT = frozenset(
    {
        "accountemail",
        "barcodes",
        "deliverycutoffhours",
        "deliverymethod",
        "discount",
        "edelivery",
        "electronictransfer",
        "eventid",
        "filesavailable",
        "hideseat",
        "hideseats",
        "instant",
        "instanttransfer",
        "passthrough",
        "shownquantity",
        "tags",
        "ticketids",
        "tokens",
        "verificationids",
        "zone",
    }
)
KNOWN = NOT_KEPT.union(*(column.names for form in FORMATS.values() for column in form.columns))


def recognised(headers: Sequence[str], name: str | None) -> tuple[Format, dict[str, int]]:
    """Return the format of a header row, and the index of the column that gives each fact.

    It is the format called `name`, or the one that fits best if `name` is None.

    Raises:
        BookError: there is no such format, no header is known, a required column is missing, or two
            columns give the same fact.
    """
    if name is not None and name not in FORMATS:
        raise BookError(f"There is no format “{name}”. The formats are {', '.join(FORMATS)}.")
    if not any(normalised(header) in KNOWN for header in headers):
        raise BookError(
            f"The first row has no header that is known: it is “{', '.join(headers)[:60]}”. "
            "A book begins with its column names, such as Event, Venue, EventDate, Quantity."
        )
    forms = FORMATS.values() if name is None else [FORMATS[name]]
    fits = [(form, *form.positions(headers)) for form in forms]
    # The best format lacks the fewest columns and then knows the most. TEvo's own format comes
    # before the classic one, which extends it.
    form, found, twins = min(fits, key=lambda fit: (len(fit[0].missing(fit[1])), -len(fit[1])))
    if missing := form.missing(found):
        needed = f"the columns {', '.join(missing)}" if missing[1:] else f"the column {missing[0]}"
        raise BookError(f"The file lacks {needed}, which the {form.name} format needs.")
    if twins:
        raise BookError(" ".join(twins))
    return form, found
