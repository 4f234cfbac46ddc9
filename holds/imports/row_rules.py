"""Rules for what an imported row changes in a ticket group, and when claims forbid the change."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from holds.restock import Since, claims_of, claims_since
from inventory import stock_changes
from inventory.models import TicketGroup
from inventory.models.imports import Import, ImportRow, Quantities
from inventory.stock_rules import Claim, Contradiction, merged, restocked

# The fields of a group that a row sets. Those in OPTIONAL stay as they are where the file does not
# have the column.
ALWAYS = ("section", "row", "price")
OPTIONAL = (
    *("split_rule", "split_quantities", "cost", "face_value", "stock_type", "in_hand_on"),
    *("public_notes", "internal_notes", "on_sale"),
)


class Claimed(NamedTuple):
    """The claims of a group that are live now, and the changes since the moment of the file.

    `since` is empty unless the file counts only free tickets, since no other file depends on it.
    """

    now: list[Claim]
    since: Since


def claimed(group_ids: Iterable[int | None], job: Import) -> dict[int, Claimed]:
    """Return the claims of ticket groups, by the id of the group."""
    ids = [one for one in group_ids if one]
    now = claims_of(ids)
    since = claims_since(ids, job.as_of) if counts_free(job) and job.as_of else {}
    return {one: Claimed(now.get(one, []), since.get(one, Since(set(), []))) for one in ids}


def judged(
    row: ImportRow, group: TicketGroup, claims: Claimed, job: Import
) -> tuple[list[str], int]:
    """Return the seats and quantity that a group has once the row is applied and claims are kept.

    Raises:
        Contradiction: the row would move a claim, or take away or separate its tickets.
    """
    require_place(row, group, claims.now)
    seats, quantity = listed_now(row, group, claims)
    return restocked(
        seats, quantity, claims=claims.now, free_only=counts_free(job), present=group.seats
    )


def require_place(row: ImportRow, group: TicketGroup, claims: list[Claim]) -> None:
    """Require that the row leaves claims at their event, section and row.

    Raises:
        Contradiction: the row would move a claim.
    """
    stock_changes.require_place(
        group, claims, event_id=row.event_id, section=row.section, row=row.row
    )


def require_expected(row: ImportRow, group: TicketGroup, quantity: int) -> None:
    """Require that a quantity frees no more tickets than the check has shown.

    A row does not change claims, so the number of free tickets grows as much as the quantity.

    Raises:
        Contradiction: the quantity would free more tickets.
    """
    growth = quantity - group.quantity
    if growth > row.growth:
        raise Contradiction(
            f"It would free {growth} more tickets than are free now, and {row.growth} were shown "
            "when the file was checked: the ticket group has changed since. Import the file again."
        )


def listed_now(row: ImportRow, group: TicketGroup, claims: Claimed) -> tuple[list[str], int]:
    """Return the seats and quantity that the file would have for a row if it were written now.

    Tickets that were claimed after the moment of the file are among its free tickets, and are
    deducted. Tickets that were claimed at that moment and are not claimed now are missing from the
    file, and are added.
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
    """Return whether a quantity in the file counts only free tickets."""
    return job.quantities == Quantities.FREE


def compared(job: Import) -> list[str]:
    """Return the fields of a group that the file sets, apart from the event and the stock."""
    return [*ALWAYS, *(name for name in OPTIONAL if name in job.fields)]


def differences(row: ImportRow, group: TicketGroup, job: Import) -> dict[str, tuple[Any, Any]]:
    """Return the fields that a row changes, apart from the stock, with their old and new values."""
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
