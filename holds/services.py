"""The calls on holds: place, release, expire. CONTRACT.md, cell by cell.

Each is one short transaction: lock the ticket group, look again, decide, write, commit.
"""

from collections.abc import Collection
from typing import NamedTuple

from holds import claims
from holds.allocation import by_rule, with_room
from holds.errors import (
    AlreadyInvoiced,
    GlobalIdReused,
    HoldExpired,
    HoldReleased,
    SaleVoided,
)
from holds.models import Hold, OrderException, Reason, State
from inventory.errors import NotForSale, TicketGroupNotFound
from inventory.models import Caller, Effect, TicketGroup
from inventory.transactions import one_trip


class Outcome(NamedTuple):
    """A call that was done: the hold, and whether the same call had taken effect before."""

    hold: Hold
    replayed: bool


@claims.retry_once_if_outraced
def place(
    *, broker_id: int, remote_id: str, quantity: int, global_id: str, caller: Caller
) -> Outcome:
    """Hold `quantity` tickets of the group `remote_id` under `global_id`.

    Overdue holds of the group are expired only where this hold needs their tickets. Raises
    TicketGroupNotFound, NotForSale, InsufficientTickets, SplitNotAllowed, or, for an id that was
    used, HoldReleased, HoldExpired, SaleVoided, GlobalIdReused. Then nothing has changed.
    """
    with TicketGroup.objects.locked_by_remote_id(broker_id=broker_id, remote_id=remote_id) as group:
        situation = claims.read_situation(broker_id=broker_id, global_id=global_id, group=group)
        if situation.hold:
            return Outcome(_repeated(situation.hold, remote_id, quantity), replayed=True)
        if group is None:
            raise TicketGroupNotFound
        if not group.on_sale:
            raise NotForSale("The broker has taken the ticket group off sale.")
        if not group.listed:
            raise NotForSale("The ticket group has vanished from the broker's book.")
        if situation.past:
            raise NotForSale("The event is past.")
        positions, overdue = with_room(group, situation, by_rule(group, quantity))
        with one_trip():
            for hold in overdue:
                claims.change(hold, Effect.EXPIRED, now=situation.now, caller=caller)
            hold = claims.claim(
                group,
                global_id=global_id,
                quantity=quantity,
                positions=positions,
                situation=situation,
                caller=caller,
            )
        return Outcome(hold, replayed=False)


def _repeated(hold: Hold, remote_id: str, quantity: int) -> Hold:
    """The hold of an id that was used before, if this is the same call and it still stands."""
    tombstone = hold.group_id is None
    if not tombstone and (hold.remote_id, hold.quantity) != (remote_id, quantity):
        raise GlobalIdReused
    match hold.state:
        case State.RELEASED:
            raise HoldReleased
        case State.EXPIRED:
            raise HoldExpired
        case State.VOIDED:
            raise SaleVoided
    return hold


@claims.retry_once_if_outraced
def release(*, broker_id: int, global_id: str, caller: Caller, by_staff: bool = False) -> Outcome:
    """Free the tickets of a hold, or remember that its id is released before it has come.

    An expired hold becomes released without moving tickets, so that no late invoice can sell it
    any more. A voided sale is left as it is. Raises AlreadyInvoiced after the exception for staff
    is committed; there is no exception where staff release the hold themselves.
    """
    with claims.locked_group(broker_id=broker_id, global_id=global_id) as group:
        situation = claims.read_situation(broker_id=broker_id, global_id=global_id, group=group)
        hold = situation.hold
        if hold is None:
            hold = claims.record_early_release(
                broker_id=broker_id, global_id=global_id, situation=situation
            )
            return Outcome(hold, replayed=False)
        if hold.group_id and not group:
            raise claims.ClaimMoved
        members: dict[str, str] = {}
        match hold.state:
            case State.HELD:
                claims.change(hold, Effect.RELEASED, now=situation.now, caller=caller)
            case State.EXPIRED:
                claims.change(hold, Effect.RELEASED_LATE, now=situation.now, caller=caller)
            case State.INVOICED if not by_staff:
                members["exception_id"] = OrderException.objects.record(
                    Reason.ALREADY_INVOICED,
                    broker_id=broker_id,
                    global_id=global_id,
                    order_id=hold.order_id or "",
                    hold=hold,
                    now=situation.now,
                    answer=AlreadyInvoiced.code,
                )
            case State.RELEASED:
                return Outcome(hold, replayed=True)
    if hold.state == State.INVOICED:
        raise AlreadyInvoiced(order_id=hold.order_id, **members)
    return Outcome(hold, replayed=False)


def expire(
    *, batch: int, caller: Caller, only: int | None = None, besides: Collection[int] = ()
) -> int:
    """Expire up to `batch` overdue holds; return how many, 0 once there is nothing left to do.

    Ticket groups whose ids are in `besides` are left out; `only` is the id of the one group to look
    at. Groups that a call has locked are passed over: what they still hold is the next round's.
    Raises what the database raises where a group of the batch cannot be changed.
    """
    with TicketGroup.objects.locked_unless_busy(
        "SELECT DISTINCT group_id FROM holds_hold"
        " WHERE state = 'held' AND expires_at <= (SELECT clock_timestamp())"
        " AND group_id <> ALL (%s::bigint[]) AND (%s::bigint IS NULL OR group_id = %s)",
        list(besides),
        only,
        only,
        limit=batch,
    ) as groups:
        now = claims.clock()
        overdue = list(Hold.objects.overdue_of([group.id for group in groups], now)[:batch])
        with one_trip():
            for hold in overdue:
                claims.change(hold, Effect.EXPIRED, now=now, caller=caller)
    return len(overdue)
