"""What a row of a checked book does to a ticket group: its differences, and what forbids them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from holds.restock import Since, claims_of, claims_since
from inventory import stock
from inventory.models import TicketGroup
from inventory.models.imports import Import, ImportRow, Quantities
from inventory.stock_rules import Claim, Contradiction, merged, restocked

# What a row of a book says of a group. The second part is left alone where the file has no such
# column.
ALWAYS = ("section", "row", "price")
OPTIONAL = (
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)


class Claimed(NamedTuple):
    """The claims of a group: those that are live now, and what has changed since the file's moment.

    Only a file that counts free tickets has to know the second: claimed tickets are not in it.
    """

    now: list[Claim]
    since: Since


def claimed(group_ids: Iterable[int | None], job: Import) -> dict[int, Claimed]:
    """The claims of groups that rows of a book are for, by group."""
    ids = [one for one in group_ids if one]
    now = claims_of(ids)
    since = claims_since(ids, job.as_of) if counts_free(job) and job.as_of else {}
    return {one: Claimed(now.get(one, []), since.get(one, Since(set(), []))) for one in ids}


def judged(
    row: ImportRow, group: TicketGroup, claims: Claimed, job: Import
) -> tuple[list[str], int]:
    """Seats and quantity of a group once the row is applied, its claims kept.

    Raises Contradiction where the row would move a claim, lose it or tear it apart.
    """
    require_place(row, group, claims.now)
    seats, quantity = listed_now(row, group, claims)
    return restocked(
        seats, quantity, claims=claims.now, free_only=counts_free(job), present=group.seats
    )


def require_place(row: ImportRow, group: TicketGroup, claims: list[Claim]) -> None:
    """Raise Contradiction where the row would move a claim to another event, section or row."""
    stock.require_place(group, claims, event_id=row.event_id, section=row.section, row=row.row)


def require_expected(row: ImportRow, group: TicketGroup, quantity: int) -> None:
    """Raise Contradiction where a quantity would free more tickets than the check has shown.

    Claims do not change with a row, so that a group has as many more free tickets as tickets.
    """
    growth = quantity - group.quantity
    if growth > row.growth:
        raise Contradiction(
            f"It would free {growth} more tickets than are free now, and {row.growth} were shown "
            "when the file was checked: the ticket group has changed since. Import the file again."
        )


def listed_now(row: ImportRow, group: TicketGroup, claims: Claimed) -> tuple[list[str], int]:
    """Seats and quantity of a row as the file would say them now.

    Tickets claimed since the file's moment are among its free ones, and are deducted. Tickets that
    were claimed then and are not now are not in the file: they are the group's all the same.
    """
    made, then = claims.since
    if row.seats:
        there = set(group.seats)
        left_out = [label for claim in then for label in claim.seats if label in there]
        return merged(row.seats, left_out), row.quantity
    live = {claim.global_id for claim in claims.now}
    late = sum(claim.quantity for claim in claims.now if claim.global_id in made)
    given_back = sum(claim.quantity for claim in then if claim.global_id not in live)
    return [], max(row.quantity - late + given_back, 0)


def counts_free(job: Import) -> bool:
    """Whether a quantity in the file counts only free tickets."""
    return job.quantities == Quantities.FREE


def compared(job: Import) -> list[str]:
    """The fields of a group that the file says something about, beside event and stock."""
    return [*ALWAYS, *(name for name in OPTIONAL if name in job.fields)]


def differences(row: ImportRow, group: TicketGroup, job: Import) -> dict[str, tuple[Any, Any]]:
    """What a row changes, beside seats and quantity: the field, what it is and what it becomes."""
    found = {
        name: (getattr(group, name), getattr(row, name))
        for name in compared(job)
        if getattr(group, name) != getattr(row, name)
    }
    if group.event_id != row.event_id:
        found["event"] = (str(group.event), f"{row.event_name}, {row.venue}")
    if not group.listed:
        found["listed"] = (False, True)
    return found
