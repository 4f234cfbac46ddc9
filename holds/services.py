"""The calls on holds: place, release and expire, as the contract (/docs/contract/) defines them.

Each call is one short transaction: it locks the ticket group, reads, decides, writes and commits.
"""

from collections.abc import Collection
from typing import NamedTuple

from holds import claims, locked_reads
from holds.allocation import by_rule, with_room
from holds.errors import (
    AlreadyInvoiced,
    GlobalIdReused,
    HoldExpired,
    HoldReleased,
    SaleVoided,
)
from holds.models import Hold, OrderException, Reason, State
from inventory.database.trips import Statement
from inventory.errors import NotForSale, TicketGroupNotFound
from inventory.models import Caller, Effect, TicketGroup


class Outcome(NamedTuple):
    """The result of a call that succeeded.

    `replayed` says whether the same call had taken effect before. `status` is the state to answer
    where that is not the state of the hold: to the marketplace, a voided sale counts as released.
    """

    hold: Hold
    replayed: bool
    status: State | None = None


@claims.retry_once_if_outraced
def place(
    *, broker_id: int, remote_id: str, quantity: int, global_id: str, caller: Caller
) -> Outcome:
    """Hold `quantity` tickets of the group `remote_id` under `global_id`.

    Overdue holds of the group are expired only where this hold needs their tickets. A refused call
    changes nothing.

    Raises:
        TicketGroupNotFound: the broker has no ticket group with that remote id.
        NotForSale: the ticket group is off sale or not listed, or its event is past.
        InsufficientTickets: too few tickets are free, or too few next to each other.
        SplitNotAllowed: the split rule of the group forbids the quantity.
        GlobalIdReused: the global id belongs to a hold of other tickets.
        HoldReleased: the global id was released before.
        HoldExpired: the hold of the global id has expired.
        SaleVoided: the hold of the global id was sold, and the sale was voided.
    """
    with locked_reads.locked_by_remote_id(
        broker_id=broker_id, remote_id=remote_id, global_id=global_id
    ) as (group, situation):
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
        if overdue:
            claims.expire(overdue, now=situation.now, caller=caller)
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
    """Return the hold that the same call made before, or raise where it no longer stands."""
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
    """Free the tickets of a hold. For an unknown id, record that it is released before its hold.

    An expired hold becomes released without moving tickets, so that no late invoice can sell it
    any more. A voided sale stays as it is.

    Raises:
        AlreadyInvoiced: the hold is sold. An exception for staff has been committed, unless it is
            staff who release the hold.
    """
    with locked_reads.locked_by_hold(broker_id=broker_id, global_id=global_id) as (
        group,
        situation,
    ):
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
    return Outcome(hold, replayed=False, status=State.RELEASED)


def expire(
    *, batch: int, caller: Caller, only: int | None = None, besides: Collection[int] = ()
) -> int:
    """Expire up to `batch` overdue holds, and return how many were expired.

    The result is 0 once there is nothing left to do. Ticket groups whose ids are in `besides` are
    left out. With `only`, just the group with that id is looked at. Groups that a call has locked
    are skipped, and the next round finds their overdue holds again.

    Raises:
        DatabaseError: a group of the batch cannot be changed.
    """
    # To read all overdue holds for each batch would make a large backlog slow. All are read only if
    # the groups of those that are overdue for longest are locked.
    for read in (_READ_FOR_A_BATCH * batch, None):
        with TicketGroup.objects.locked_unless_busy(
            _GROUPS_WITH_OVERDUE_HOLDS(besides=list(besides), only=only, read=read), limit=batch
        ) as groups:
            now = locked_reads.clock()
            holds = Hold.objects.overdue_of([group.id for group in groups], now)
            overdue = list(holds.values_list("id", flat=True)[:batch])
            if overdue:
                claims.expire(overdue, now=now, caller=caller)
        if overdue:
            return len(overdue)
    return 0


# How many overdue holds are looked at for each one that a batch may expire.
_READ_FOR_A_BATCH = 4
_GROUPS_WITH_OVERDUE_HOLDS = Statement(
    "groups_with_overdue_holds",
    """
    SELECT DISTINCT group_id FROM (
        SELECT group_id FROM holds_hold
        WHERE state = 'held' AND expires_at <= (SELECT clock_timestamp())
            AND group_id <> ALL (%(besides)s::bigint[])
            AND (%(only)s::bigint IS NULL OR group_id = %(only)s)
        ORDER BY expires_at LIMIT %(read)s::bigint) overdue
    """,
)
