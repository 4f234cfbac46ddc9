"""Pure functions that decide what a ticket group becomes when its stock changes under live claims.

There are three rules. Claims are never lost or moved. Only tickets that are listed are free
afterwards. A contradiction is refused, and the refusal names the claim.
"""

from collections.abc import Sequence
from typing import NamedTuple

from inventory import seats


class Claim(NamedTuple):
    """A live hold or sale of tickets.

    `seats` are the labels of its seats, or empty in general admission. `customer` is only known for
    a claim that staff made.
    """

    global_id: str
    quantity: int
    seats: tuple[str, ...]
    customer: str = ""

    def __str__(self) -> str:
        return f"{self.global_id} for {self.customer}" if self.customer else self.global_id


class Contradiction(Exception):
    """Raised when a change of stock would break a claim. The text names the claim and says why."""


def restocked(
    listed: Sequence[str],
    quantity: int,
    *,
    claims: Sequence[Claim],
    free_only: bool,
    present: Sequence[str] = (),
) -> tuple[list[str], int]:
    """Return the seat labels and the quantity that a group gets when a listing changes its stock.

    A group with numbered seats gets the listed seats and the claimed ones. They keep the order of
    the `present` seats of the group if they are the same seats, or if some are gone and any other
    order would tear a claim apart. In general admission no seats are listed, and `quantity` counts
    all tickets, or only the free ones if `free_only` is true. The group never gets fewer tickets
    than are claimed.

    Raises:
        Contradiction: the listing has seat numbers and a claim has none or the other way round, or
            the seats of a claim would no longer be together.
    """
    claimed = sum(claim.quantity for claim in claims)
    if not listed:
        for claim in claims:
            if claim.seats:
                raise Contradiction(
                    f"{_name(claim)} has seats {', '.join(claim.seats)}: the group cannot become "
                    "general admission."
                )
        return [], quantity + claimed if free_only else max(quantity, claimed)
    for claim in claims:
        if not claim.seats:
            raise Contradiction(
                f"{_name(claim)} has {claim.quantity} tickets without seat numbers: the group "
                "cannot get seat numbers."
            )
    labels = merged(listed, [label for claim in claims for label in claim.seats])
    there = set(labels)
    if there == set(present) or (there < set(present) and _torn(labels, claims)):
        labels = [label for label in present if label in there]
    if torn := _torn(labels, claims):
        raise Contradiction(
            f"{_name(torn)} has seats {', '.join(torn.seats)} together: seats listed between "
            "them would tear them apart."
        )
    return labels, len(labels)


def _torn(labels: Sequence[str], claims: Sequence[Claim]) -> Claim | None:
    """Return a claim whose seats are not together and in order among the labels, or None."""
    return next((claim for claim in claims if seats.find(labels, claim.seats) is None), None)


def merged(listed: Sequence[str], claimed: Sequence[str]) -> list[str]:
    """Return the listed labels together with the claimed ones that are missing, in order."""
    there = set(listed)
    missing = [label for label in claimed if label not in there]
    return in_order([*listed, *missing]) if missing else list(listed)


def in_order(labels: Sequence[str]) -> list[str]:
    """Return labels sorted by number if all end in a number, or else in the order given."""
    parts = [seats.NUMBERED.fullmatch(label) for label in labels]
    if not all(parts):
        return list(labels)
    keys = {
        label: (part[1], int(part[2])) for label, part in zip(labels, parts, strict=True) if part
    }
    return sorted(labels, key=keys.__getitem__)


def _name(claim: Claim) -> str:
    return f"The claim {claim}"
