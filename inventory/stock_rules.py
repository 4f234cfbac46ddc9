"""What a ticket group becomes when its stock changes under live claims: pure functions.

Three rules (see FIELD section 6): claims are never lost or moved; nothing is free afterwards that
was not listed; a contradiction is refused by name.
"""

from collections.abc import Sequence
from typing import NamedTuple

from inventory import seats


class Claim(NamedTuple):
    """A live hold or sale: its global id, how many tickets, their seat labels if numbered, and the
    customer of one by hand."""

    global_id: str
    quantity: int
    seats: tuple[str, ...]
    customer: str = ""

    def __str__(self) -> str:
        return f"{self.global_id} for {self.customer}" if self.customer else self.global_id


class Contradiction(Exception):
    """What was asked for cannot be had without breaking a claim; the text says why and which."""


def restocked(
    listed: Sequence[str],
    quantity: int,
    *,
    claims: Sequence[Claim],
    free_only: bool,
    present: Sequence[str] = (),
) -> tuple[list[str], int]:
    """Seat labels and quantity of a group that is listed with these seats and this quantity.

    Numbered seats become the listed ones and the claimed ones; where these are the `present`
    ones, they keep their order, and so they do where some are gone and any other order would tear
    a claim. General admission (no seats) counts all tickets in `quantity`, or only the free ones
    where `free_only`; it never falls below what is claimed. Raises Contradiction.
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
    """A claim whose seats do not stand together and in order among the labels."""
    return next((claim for claim in claims if seats.find(labels, claim.seats) is None), None)


def merged(listed: Sequence[str], claimed: Sequence[str]) -> list[str]:
    """The listed labels and the claimed ones that are missing among them, in order."""
    there = set(listed)
    missing = [label for label in claimed if label not in there]
    return in_order([*listed, *missing]) if missing else list(listed)


def in_order(labels: Sequence[str]) -> list[str]:
    """Labels from low to high where all are numbers behind letters; else as they stand."""
    parts = [seats.NUMBERED.fullmatch(label) for label in labels]
    if not all(parts):
        return list(labels)
    keys = {
        label: (part[1], int(part[2])) for label, part in zip(labels, parts, strict=True) if part
    }
    return sorted(labels, key=keys.__getitem__)


def _name(claim: Claim) -> str:
    return f"The claim {claim}"
