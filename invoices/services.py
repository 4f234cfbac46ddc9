"""The invoice call, as the contract (/docs/contract/) defines it, and the void by staff."""

from typing import NamedTuple

from holds import claims, locked_reads
from holds.errors import HoldNotFound, HoldReleased, SaleVoided
from holds.models import Hold, OrderException, Reason, State
from holds.restock import claims_of, restock
from inventory import seats, split_rules
from inventory.errors import Refusal
from inventory.models import Caller, Effect, TicketGroup
from invoices.errors import OrderConflict, TicketsUnavailable
from invoices.models import Invoice, Void

# The exceptions that are resolved when the same call succeeds later.
_SETTLED_BY_SUCCESS = (Reason.HOLD_NOT_FOUND, Reason.TICKETS_UNAVAILABLE)


class Outcome(NamedTuple):
    """The result of a call that succeeded.

    `replayed` says whether the same call had taken effect before. `exception_id` is the id of the
    exception that the sale has recorded for staff. It is empty where there is none.
    """

    invoice: Invoice
    replayed: bool
    exception_id: str = ""


@claims.retry_once_if_outraced
def invoice(*, broker_id: int, order_id: str, global_id: str, caller: Caller) -> Outcome:
    """Sell the tickets of a hold under `order_id`, at the price of the hold.

    An expired hold is honoured as long as its seats, or other adjacent seats of its group, are
    free. The sale then records an exception for staff. Every refusal commits an exception for staff
    before it is raised, so that each invoice call ends either in a sale or in work for staff.

    Raises:
        HoldNotFound: the broker has no hold with that global id.
        HoldReleased: the hold was released.
        SaleVoided: the hold was sold, and staff voided the sale.
        OrderConflict: the hold is sold under another order id.
        TicketsUnavailable: the hold has expired, and its tickets are gone.
    """
    with locked_reads.locked_by_hold(
        broker_id=broker_id, global_id=global_id, order_id=order_id
    ) as (
        group,
        situation,
    ):
        try:
            return _invoice(situation, group, order_id, caller)
        except Refusal as error:
            refusal = error  # raised here, it would roll back the row of the exception
        refusal.members["exception_id"] = OrderException.objects.record(
            Reason(refusal.code),
            broker_id=broker_id,
            global_id=global_id,
            order_id=order_id,
            hold=situation.hold,
            now=situation.now,
            answer=refusal.code,
        )
    if isinstance(refusal, HoldNotFound) and Hold.objects.named(broker_id, global_id).exists():
        # The hold was committed after this call looked for it. Another invoice call may have sold
        # it before the exception was committed, and so could not resolve it. The retry does that.
        raise claims.ClaimMoved
    raise refusal


def _invoice(
    situation: locked_reads.Situation, group: TicketGroup | None, order_id: str, caller: Caller
) -> Outcome:
    hold = situation.hold
    if hold is None:
        raise HoldNotFound
    if group is None:
        if hold.group_id:
            raise claims.ClaimMoved
        raise HoldReleased  # a tombstone
    match hold.state:
        case State.HELD:
            return _sell(hold, situation, order_id, caller)
        case State.EXPIRED:
            claims.reseat(hold, group, _free_again(hold, group, situation))
            late = Reason.LATE_INVOICE if group.on_sale else Reason.LATE_OFF_SALE
            return _sell(hold, situation, order_id, caller, late=late)
        case State.INVOICED:
            if hold.order_id != order_id:
                raise OrderConflict(order_id=hold.order_id)
            _settle(situation, hold, order_id, caller)
            sale, exception_id = Invoice.objects.of_hold(hold)
            return Outcome(sale, replayed=True, exception_id=exception_id)
        case State.VOIDED:
            raise SaleVoided
    raise HoldReleased


def _free_again(hold: Hold, group: TicketGroup, situation: locked_reads.Situation) -> range | None:
    """Return the positions for an expired hold: those of its own seats, or of others together.

    Returns None where tickets have no seat numbers. The marketplace has accepted the order already,
    so the split rule is only a preference here, and a group that staff took off sale still honours
    the order. A group that has vanished from the broker's book does not, because its tickets were
    most likely sold elsewhere. Neither does a group that has been moved to another event, section
    or row, which is not what the buyer was promised.

    Raises:
        TicketsUnavailable: the order cannot be honoured.
    """
    if not group.listed:
        raise TicketsUnavailable("The ticket group has vanished from the broker's book.")
    promised = (hold.event_id, hold.section, hold.row)
    if hold.quantity > group.free or promised != (group.event_id, group.section, group.row):
        raise TicketsUnavailable
    if not group.seats:
        return None
    own = seats.find(group.seats, hold.seats)
    if own and not seats.overlap(own, situation.claimed):
        return own
    runs = seats.free_runs(seats.rows(group.seats, stride=group.stride), situation.claimed)
    rule = split_rules.SplitRule(group.split_rule)
    others = seats.choose(runs, hold.quantity, rule=rule, custom=group.split_quantities)
    if others is None:
        raise TicketsUnavailable
    return others


def _sell(
    hold: Hold,
    situation: locked_reads.Situation,
    order_id: str,
    caller: Caller,
    *,
    late: Reason | None = None,
) -> Outcome:
    """Sell a hold. `late` is the reason of the exception for staff where the hold had expired."""
    hold.order_id = order_id
    effect = Effect.INVOICED_LATE if late else Effect.INVOICED
    claims.change(hold, effect, now=situation.now, caller=caller)
    sale = Invoice.objects.issue(hold, now=situation.now, late=bool(late))
    _settle(situation, hold, order_id, caller)
    reasons = [late] if late else []
    if situation.sold_by_staff:
        reasons.append(Reason.SOLD_BY_STAFF)
    recorded = [
        OrderException.objects.record(
            reason,
            broker_id=hold.broker_id,
            global_id=hold.global_id,
            order_id=order_id,
            hold=hold,
            now=situation.now,
            answer=State.INVOICED,
        )
        for reason in reasons
    ]
    return Outcome(sale, replayed=False, exception_id=recorded[0] if recorded else "")


def _settle(situation: locked_reads.Situation, hold: Hold, order_id: str, caller: Caller) -> None:
    """Resolve the open exceptions of an order and hold that a sale settles."""
    if not situation.excepted:
        return
    failed = OrderException.objects.filter(
        broker_id=hold.broker_id,
        global_id=hold.global_id,
        order_id=order_id,
        reason__in=_SETTLED_BY_SUCCESS,
    )
    failed.resolve(now=situation.now, by=caller.name, note="The same call has succeeded since.")


def void(sale: Invoice, *, reason: str, back_to_stock: bool = True, caller: Caller) -> Void:
    """Undo a sale for staff. Its tickets go back to stock, and the invoice stays on record.

    Without `back_to_stock` the tickets leave the ticket group in the same transaction, so that
    nobody can hold them in between.

    Raises:
        SaleVoided: the sale was voided before.
    """
    broker_id, global_id = sale.broker_id, sale.hold.global_id
    with locked_reads.locked_by_hold(broker_id=broker_id, global_id=global_id) as (
        group,
        situation,
    ):
        hold = situation.hold
        if group is None or hold is None or hold.state != State.INVOICED:
            raise SaleVoided
        claims.change(hold, Effect.VOIDED, now=situation.now, caller=caller)
        if not back_to_stock:
            restock(
                group,
                [label for label in group.seats if label not in hold.seats],
                group.quantity - hold.quantity,
                claims=claims_of([group.id]).get(group.id, []),
                now=situation.now,
                caller=caller,
            )
        return Void.objects.create(
            broker_id=broker_id,
            invoice=sale,
            reason=reason,
            back_to_stock=back_to_stock,
            voided_by=caller.name,
            voided_at=situation.now,
        )
