"""What a row of a checked book does to a ticket group: its differences, and what forbids them."""

from typing import Any

from inventory import stocking
from inventory.imports import Import, ImportRow, Quantities
from inventory.models import TicketGroup
from inventory.restock import Claim, restocked

# What a row of a book says of a group. The second part is left alone where the file has no such
# column.
ALWAYS = ("section", "row", "price")
OPTIONAL = (
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)


def judged(
    row: ImportRow, group: TicketGroup, claims: list[Claim], book: Import
) -> tuple[list[str], int]:
    """Seats and quantity of a group with claims once the row is applied.

    Raises Contradiction where the row would move a claim, lose it or tear it apart.
    """
    require_place(row, group, claims)
    return restocked(
        row.seats,
        quantity(row, claims, book),
        claims=claims,
        free_only=counts_free(book),
        present=group.seats,
    )


def require_place(row: ImportRow, group: TicketGroup, claims: list[Claim]) -> None:
    """Raise Contradiction where the row would move a claim to another event, section or row."""
    stocking.require_place(group, claims, event_id=row.event_id, section=row.section, row=row.row)


def quantity(row: ImportRow, claims: list[Claim], book: Import) -> int:
    """The row's quantity as of now: no file has deducted what was claimed after it was uploaded."""
    if not counts_free(book):
        return row.quantity
    late = sum(claim.quantity for claim in claims if claim.since and claim.since > book.started_at)
    return max(row.quantity - late, 0)


def counts_free(book: Import) -> bool:
    """Whether a quantity in the file counts only free tickets."""
    return book.quantities == Quantities.FREE


def compared(book: Import) -> list[str]:
    """The fields of a group that the file says something about, beside event and stock."""
    return [*ALWAYS, *(name for name in OPTIONAL if name in book.fields)]


def differences(row: ImportRow, group: TicketGroup, book: Import) -> dict[str, tuple[Any, Any]]:
    """What a row changes, beside seats and quantity: the field, what it is and what it becomes."""
    found = {
        name: (getattr(group, name), getattr(row, name))
        for name in compared(book)
        if getattr(group, name) != getattr(row, name)
    }
    if group.event_id != row.event_id:
        found["event"] = (str(group.event), f"{row.event_name}, {row.venue}")
    if not group.listed:
        found["listed"] = (False, True)
    return found
