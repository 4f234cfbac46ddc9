"""The service with which staff hold tickets of a group for a customer.

It uses the same lock, claims, ledger and constraints as the calls of the marketplace. Split rules
and "off sale" bind the marketplace, but not the broker's own staff.
"""

import secrets
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from holds import claims, locked_reads
from holds.allocation import by_staff, with_room
from holds.models import STAFF_PREFIX, Hold, State
from holds.services import Outcome
from inventory.errors import Refusal, TicketGroupNotFound
from inventory.models import Caller, TicketGroup

# A time further ahead is a typing error, such as the year 2062. Python has no year after 9999.
FURTHEST = timedelta(days=3650)


class Wanted(NamedTuple):
    """The tickets that staff want from a group: the named seats, or else any `quantity` together.

    `global_id` is the id of the form, so that a form that is sent twice has one effect.
    """

    global_id: str
    broker_id: int
    group_id: int
    quantity: int
    seats: tuple[str, ...] = ()


def new_global_id() -> str:
    """Return a new id for a form with which staff hold or sell tickets. No call can use it."""
    return f"{STAFF_PREFIX}{secrets.token_hex(8)}"


@claims.retry_once_if_outraced
def hold(
    wanted: Wanted,
    *,
    until: datetime,
    unit_price: Decimal,
    customer: str,
    note: str = "",
    caller: Caller,
) -> Outcome:
    """Hold tickets for a `customer` until a time, at the agreed `unit_price` of one ticket.

    Overdue holds of the group are expired where their tickets are needed. A refused call changes
    nothing.

    Raises:
        TicketGroupNotFound: the broker has no such ticket group.
        InsufficientTickets: the wanted tickets are not free, or not next to each other.
        Refusal: the time is past or more than 10 years ahead, or the same form was sent before with
            other facts.
    """
    terms = claims.Terms(until, unit_price, customer, note)
    with locked(wanted) as (group, situation):
        if situation.hold:
            return Outcome(_held_before(repeated(situation.hold, wanted), terms), replayed=True)
        if until <= situation.now:
            raise Refusal("That time is past: give a later one.")
        if until > situation.now + FURTHEST:
            raise Refusal("That time is more than 10 years ahead: give an earlier one.")
        return Outcome(
            take(wanted, group, situation=situation, terms=terms, caller=caller), replayed=False
        )


def locked(
    wanted: Wanted,
) -> AbstractContextManager[tuple[TicketGroup | None, locked_reads.Situation]]:
    """Lock the group whose tickets are wanted, and read the situation. Gives None for no group."""
    return locked_reads.locked_by_id(
        broker_id=wanted.broker_id, group_id=wanted.group_id, global_id=wanted.global_id
    )


def repeated(hold: Hold, wanted: Wanted) -> Hold:
    """Return the hold that the same form made before.

    Raises:
        Refusal: the form asked for other tickets before.
    """
    same = (hold.group_id, hold.quantity) == (wanted.group_id, wanted.quantity)
    if not same or (wanted.seats and set(hold.seats) != set(wanted.seats)):
        raise Refusal("This form was sent before, for other tickets. Open it anew.")
    return hold


def _held_before(hold: Hold, terms: claims.Terms) -> Hold:
    """Return the hold that the same form made before, or raise where it differs from the form."""
    if hold.state != State.HELD:
        raise Refusal(f"This form was sent before; its hold is {hold.state} now. Open it anew.")
    if (hold.expires_at, hold.unit_price, hold.customer, hold.note) != terms:
        raise Refusal(
            f"This form was sent before, and {hold.quantity} are held for {hold.customer} since. "
            "To hold others, open it anew."
        )
    return hold


def take(
    wanted: Wanted,
    group: TicketGroup | None,
    *,
    situation: locked_reads.Situation,
    terms: claims.Terms,
    caller: Caller,
) -> Hold:
    """Hold the wanted tickets of their locked group, in the transaction of a service.

    Raises:
        TicketGroupNotFound: `group` is None.
        InsufficientTickets: the wanted tickets are not free, or not next to each other.
    """
    if group is None:
        raise TicketGroupNotFound
    choose = by_staff(group, wanted.quantity, wanted.seats)
    positions, overdue = with_room(group, situation, choose)
    if overdue:
        claims.expire(overdue, now=situation.now, caller=caller)
    claims.claim(
        group,
        global_id=wanted.global_id,
        quantity=wanted.quantity,
        positions=positions,
        situation=situation,
        caller=caller,
        terms=terms,
    )
    # The stored hold has a primary key, which the marketplace's calls have no need of.
    return Hold.objects.get(broker_id=wanted.broker_id, global_id=wanted.global_id)
