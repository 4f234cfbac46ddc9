"""The calls on invoices: invoice, and the void of staff. CONTRACT.md, cell by cell."""

from typing import NamedTuple

from holds import claims
from holds.errors import HoldNotFound, HoldReleased, SaleVoided
from holds.models import Hold, OrderException, Reason, State
from holds.stock import claims_of, restock
from inventory import seats
from inventory.errors import Refusal
from inventory.models import Caller, Effect, TicketGroup
from inventory.transactions import one_trip
from invoices.errors import OrderConflict, TicketsUnavailable
from invoices.models import Invoice, Void

# What a later success of the same call puts right.
_MENDED_BY_SUCCESS = (Reason.HOLD_NOT_FOUND, Reason.TICKETS_UNAVAILABLE)


class Outcome(NamedTuple):
    """A call that was done: the invoice, and whether the same call had taken effect before."""

    invoice: Invoice
    replayed: bool


@claims.settled
def invoice(*, broker_id: int, order_id: str, global_id: str, caller: Caller) -> Outcome:
    """Sell the tickets of a hold under `order_id`, at the price of the hold.

    An expired hold is honoured while its seats, or others of its group together, are free; staff
    are told. Raises HoldNotFound, HoldReleased, SaleVoided, OrderConflict or TicketsUnavailable,
    each after its exception for staff is committed: an invoice call ends in a sale or in work for
    staff, never in neither.
    """
    with claims.locked_group(broker_id=broker_id, global_id=global_id) as group:
        seen = claims.view(broker_id=broker_id, global_id=global_id, group=group)
        try:
            return _invoice(seen, group, order_id, caller)
        except Refusal as error:
            refusal = error  # raised through, it would take the exception row with it
        exception_id = OrderException.objects.record(
            Reason(refusal.code),
            broker_id=broker_id,
            global_id=global_id,
            order_id=order_id,
            hold=seen.hold,
            now=seen.now,
            answer=refusal.code,
        )
        if isinstance(refusal, TicketsUnavailable):
            refusal.members["exception_id"] = exception_id
    raise refusal


def _invoice(
    seen: claims.View, group: TicketGroup | None, order_id: str, caller: Caller
) -> Outcome:
    hold = seen.hold
    if hold is None:
        raise HoldNotFound
    if group is None:
        if hold.group_id:
            raise claims.ClaimMoved
        raise HoldReleased  # a tombstone
    match hold.state:
        case State.HELD:
            return _sell(hold, Effect.INVOICED, seen, order_id, caller)
        case State.EXPIRED:
            claims.reseat(hold, group, _free_again(hold, group, seen))
            return _sell(hold, Effect.INVOICED_LATE, seen, order_id, caller)
        case State.INVOICED:
            if hold.order_id != order_id:
                raise OrderConflict(order_id=hold.order_id)
            return Outcome(Invoice.objects.of_hold(hold), replayed=True)
        case State.VOIDED:
            raise SaleVoided
    raise HoldReleased


def _free_again(hold: Hold, group: TicketGroup, seen: claims.View) -> range | None:
    """Positions for an expired hold: its own seats, else others together; None without numbers.

    The order is accepted already, so the split rule is only a preference here, and a group that
    has gone off sale still honours it. One that lies elsewhere by now does not: the buyer was
    promised an event, a section and a row.
    """
    promised = (hold.event_id, hold.section, hold.row)
    if hold.quantity > group.free or promised != (group.event_id, group.section, group.row):
        raise TicketsUnavailable
    if not group.seats:
        return None
    own = seats.find(group.seats, hold.seats)
    if own and not seats.overlap(own, seen.claimed):
        return own
    runs = seats.free_runs(seats.rows(group.seats), seen.claimed)
    rule = seats.SplitRule(group.split_rule)
    others = seats.choose(runs, hold.quantity, rule=rule, custom=group.split_quantities)
    if others is None:
        raise TicketsUnavailable
    return others


def _sell(hold: Hold, effect: Effect, seen: claims.View, order_id: str, caller: Caller) -> Outcome:
    late = effect == Effect.INVOICED_LATE
    hold.order_id = order_id
    with one_trip():
        claims.change(hold, effect, now=seen.now, caller=caller)
        sale = Invoice.objects.issue(hold, now=seen.now, late=late)
    mine = OrderException.objects.filter(
        broker_id=hold.broker_id, global_id=hold.global_id, order_id=order_id
    )
    if seen.excepted:
        mended = mine.filter(reason__in=_MENDED_BY_SUCCESS)
        mended.resolve(now=seen.now, by=caller.name, note="The same call has succeeded since.")
    if late:
        mine.record(
            Reason.LATE_INVOICE,
            broker_id=hold.broker_id,
            global_id=hold.global_id,
            order_id=order_id,
            hold=hold,
            now=seen.now,
            answer=State.INVOICED,
        )
    return Outcome(sale, replayed=False)


def void(sale: Invoice, *, reason: str, back_to_stock: bool = True, caller: Caller) -> Void:
    """Undo a sale on staff's word: its tickets go back to stock, the invoice stays on record.

    Unless `back_to_stock` the tickets are gone: they leave the ticket group in the same moment, so
    that nobody can hold them in between. Raises SaleVoided if it was voided before.
    """
    broker_id, global_id = sale.broker_id, sale.hold.global_id
    with claims.locked_group(broker_id=broker_id, global_id=global_id) as group:
        seen = claims.view(broker_id=broker_id, global_id=global_id, group=group)
        hold = seen.hold
        if group is None or hold is None or hold.state != State.INVOICED:
            raise SaleVoided
        claims.change(hold, Effect.VOIDED, now=seen.now, caller=caller)
        if not back_to_stock:
            restock(
                group,
                [label for label in group.seats if label not in hold.seats],
                group.quantity - hold.quantity,
                claims=claims_of([group.id]).get(group.id, []),
                now=seen.now,
                caller=caller,
            )
        return Void.objects.create(
            invoice=sale,
            reason=reason,
            back_to_stock=back_to_stock,
            voided_by=caller.name,
            voided_at=seen.now,
        )
