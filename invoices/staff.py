"""The services with which staff record sales that were not made by calls of the marketplace.

They use the same lock, claims, ledger and constraints as the calls: a sale is an invoiced hold.
"""

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from holds import claims, locked_reads
from holds.errors import HoldExpired, HoldNotFound, HoldReleased, SaleVoided
from holds.models import Hold, State
from holds.staff import Wanted, locked, repeated, take
from inventory.errors import Refusal
from inventory.models import Caller, Effect
from invoices.models import Invoice
from invoices.services import Outcome


class Sale(NamedTuple):
    """What staff know of a sale: its channel, the order number there, the price of one ticket."""

    channel: str
    reference: str
    unit_price: Decimal


@claims.retry_once_if_outraced
def sell(
    wanted: Wanted, sale: Sale, *, customer: str = "", note: str = "", caller: Caller
) -> Outcome:
    """Sell free tickets of a group.

    Overdue holds of the group are expired where their tickets are needed. A refused call changes
    nothing.

    Raises:
        TicketGroupNotFound: the broker has no such ticket group.
        InsufficientTickets: the wanted tickets are not free, or not next to each other.
        Refusal: the same form was sent before with other facts.
    """
    with locked(wanted) as (group, situation):
        if situation.hold:
            before = _sold_before(repeated(situation.hold, wanted), sale)
            if (situation.hold.customer, situation.hold.note) != (customer, note):
                raise _sold_already(before.invoice)
            return before
        until = situation.now + timedelta(seconds=situation.hold_lifetime)
        terms = claims.Terms(until, sale.unit_price, customer, note)
        hold = take(wanted, group, situation=situation, terms=terms, caller=caller)
        return _sell(hold, sale, situation, caller)


@claims.retry_once_if_outraced
def sell_held(*, broker_id: int, global_id: str, sale: Sale, caller: Caller) -> Outcome:
    """Sell the tickets that staff hold for a customer, at the price of the sale.

    An overdue hold that has not been expired is sold like any other.

    Raises:
        HoldNotFound: the broker has no hold with that global id.
        HoldReleased: the hold was released.
        HoldExpired: the hold has expired.
        SaleVoided: the hold was sold, and the sale was voided.
        Refusal: the hold is the marketplace's, or it is sold already with other facts.
    """
    with locked_reads.locked_by_hold(broker_id=broker_id, global_id=global_id) as (_, situation):
        hold = situation.hold
        if hold is None:
            raise HoldNotFound
        if not hold.by_staff:
            raise Refusal("The marketplace holds these tickets: it alone can invoice them.")
        match hold.state:
            case State.RELEASED:
                raise HoldReleased("The hold was released. Sell from the page of the ticket group.")
            case State.EXPIRED:
                raise HoldExpired("The hold has expired. Sell from the page of the ticket group.")
            case State.VOIDED:
                raise SaleVoided
            case State.INVOICED:
                return _sold_before(hold, sale)
        return _sell(hold, sale, situation, caller)


def _sold_before(hold: Hold, sale: Sale) -> Outcome:
    """Return the sale that the same form made before, or raise where it differs from the form."""
    if hold.state != State.INVOICED:
        raise Refusal(f"This form was sent before; its hold is {hold.state} now. Open it anew.")
    invoice, _ = Invoice.objects.of_hold(hold)
    reference = sale.reference or hold.global_id
    was = Sale(invoice.buyer, invoice.order_id, invoice.unit_price)
    if was != (sale.channel, reference, sale.unit_price):
        raise _sold_already(invoice)
    return Outcome(invoice, replayed=True)


def _sold_already(invoice: Invoice) -> Refusal:
    under = "" if invoice.order_id == invoice.hold.global_id else f"under {invoice.order_id}, "
    return Refusal(
        f"These tickets are sold already, {under}to {invoice.buyer} at {invoice.unit_price:,.2f} "
        "each. To sell others, open the form anew."
    )


def _sell(hold: Hold, sale: Sale, situation: locked_reads.Situation, caller: Caller) -> Outcome:
    hold.order_id = sale.reference or hold.global_id
    claims.change(hold, Effect.INVOICED, now=situation.now, caller=caller)
    invoice = Invoice.objects.issue(
        hold, now=situation.now, buyer=sale.channel, unit_price=sale.unit_price
    )
    return Outcome(invoice, replayed=False)
