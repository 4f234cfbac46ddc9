"""The shapes of a book, and which one a row of headers belongs to (FIELD sections 2.5 and 6)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.book.lines import BookError


def normalised(header: str) -> str:
    """A header without case, spaces, underscores, hyphens and other signs."""
    return re.sub(r"[\W_]+", "", header).casefold()


class Column(NamedTuple):
    """A header that a format knows, and the fact it gives."""

    fact: str
    header: str
    others: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Its spellings, normalised."""
        return frozenset(map(normalised, (self.header, *self.others.split())))


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of file. Where several columns give one fact, the first that a file has counts."""

    name: str
    columns: tuple[Column, ...]
    required: frozenset[str]
    date_may_be_empty: bool = False

    def positions(self, headers: Sequence[str]) -> tuple[dict[str, int], list[str]]:
        """Which column, from 0, gives which fact; and what to say of columns that say the same."""
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
        """The usual headers of what is required and not found."""
        required = self.required
        if "seats" in found:  # a list says as much as from and thru
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
    # Where a file has public notes besides, plain notes may be private: they stay inside.
    Column("public_notes", "Notes"),
    Column("internal_notes", "Notes"),
    Column("on_sale", "Broadcast"),
)
# Not of the field: our own exports have it, and other readers pass over it.
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
        Column("seats", "Seats"),  # not TEvo's own: an export has it for what from/thru cannot say
        Column("public_notes", "Notes"),
        Column("price", "Cost"),  # what the broker charges: TEvo's word for the asking price
        AS_OF,
    ),
    REQUIRED | {"time", "seat_from", "seat_thru"},
)
CLASSIC = Format(
    "classic",
    (
        *EXCHANGE,
        Column("price", "UnitListPrice", "ListPrice Price"),
        # A file with no list price means the asking price by its cost, as TEvo does.
        Column("price", "Cost", "UnitCost"),
        Column("cost", "Cost", "UnitCost"),
        *OPTIONAL,
        AS_OF,
    ),
    REQUIRED | {"time", "seat_from", "seat_thru"},
)
FORMATS = {form.name: form for form in (SYNC, TEVO, CLASSIC)}

# Headers of the field whose content is not kept, so that a person learns of it.
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
    """The format of that name, or else the one that fits best, and where its columns are.

    Raises BookError where the headers do not fit.
    """
    if name is not None and name not in FORMATS:
        raise BookError(f"There is no format “{name}”: it is one of {', '.join(FORMATS)}.")
    if not any(normalised(header) in KNOWN for header in headers):
        raise BookError(
            f"The first row has no header that is known: it is “{', '.join(headers)[:60]}”. "
            "A book begins with its column names, such as Event, Venue, EventDate, Quantity."
        )
    forms = FORMATS.values() if name is None else [FORMATS[name]]
    fits = [(form, *form.positions(headers)) for form in forms]
    # Fewest missing, then most understood; TEvo's own before the classic file that extends it.
    form, found, twins = min(fits, key=lambda fit: (len(fit[0].missing(fit[1])), -len(fit[1])))
    if missing := form.missing(found):
        needed = f"the columns {', '.join(missing)}" if missing[1:] else f"the column {missing[0]}"
        raise BookError(f"The file lacks {needed}, which the {form.name} format needs.")
    if twins:
        raise BookError(" ".join(twins))
    return form, found
