"""The holds and sales of the demo, made through the services that a marketplace's calls use.

Each call may be repeated, so running all of them again completes a run that was interrupted.
"""

import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from holds import services as holds
from holds import staff
from holds.models import STAFF_PREFIX, Hold, State
from holds.staff import Wanted
from inventory.errors import Refusal
from inventory.models import Broker, Caller, TicketGroup
from inventory.split_rules import SplitRule
from invoices import services as invoices
from invoices.models import Invoice
from invoices.staff import Sale, sell

CALLER = Caller("command demo")
HOLD_LIFETIME = 900  # seconds
LAST = "demo-hold-6"
PAIR = 2
CROWD = 10  # smaller ticket groups without seat numbers are parking passes


def make_holds_and_sales(broker: Broker, groups: Sequence[TicketGroup]) -> None:
    """Hold, release and invoice tickets, in time and late, so that no list of the admin is empty.

    Does nothing if all of it was done by an earlier run.

    Args:
        broker: the demo's broker.
        groups: all ticket groups of the demo, in order.
    """
    if Hold.objects.filter(broker=broker, global_id=LAST).exists():
        return
    dated = [group for group in groups if group.on_sale and group.event.date]
    pairs = [g for g in dated if g.split_rule == SplitRule.NONE and g.quantity == PAIR][::3]
    rows = [g for g in dated if g.split_rule == SplitRule.NEVER_LEAVE_ONE and g.seats][::4]
    crowds = [g for g in dated if not g.seats and g.quantity >= CROWD]
    desk = Desk(broker)
    late, lost, overdue, voided, *pairs = pairs

    desk.set_hold_lifetime(1)
    desk.hold("demo-late", late)
    desk.hold("demo-lost", lost)
    desk.wait_until_overdue("demo-late", "demo-lost")
    desk.hold("demo-overdue", overdue)

    desk.set_hold_lifetime(HOLD_LIFETIME)
    desk.hold("demo-passer-by", late)  # takes overdue tickets and releases them
    desk.release("demo-passer-by")
    desk.invoice("demo-late", order_id(-3))
    desk.sell("demo-quicker", lost, order_id(-2))
    desk.invoice("demo-lost", order_id(-4))

    desk.sell("demo-voided", voided, order_id(-1))
    desk.void("demo-voided", "The buyer bought the wrong day.")
    desk.hold("demo-released", rows[0])
    desk.release("demo-released")
    desk.release("demo-never-came")

    sold_out, pairs = pairs[:6], pairs[6:]
    for number, group in enumerate([*sold_out, *rows[:4], *crowds[:2]], start=1):
        desk.sell(f"demo-sale-{number}", group, order_id(number))
    desk.sell("demo-sale-13", rows[4], order_id(12))  # a second hold for the same order
    desk.sell("demo-sale-14", crowds[2], order_id(14), quantity=6)

    for number, group in enumerate([rows[0], rows[1], crowds[0], pairs[0], rows[5]], start=1):
        desk.hold(f"demo-hold-{number}", group)
    desk.hold_by_staff(rows[6], "Maria Okafor", "Pays when she picks them up.")
    desk.sell_by_staff(rows[7], Sale("By phone", "", rows[7].price - 5), "Dan Whitfield")
    desk.hold(LAST, pairs[1])


def order_id(number: int) -> str:
    """Return an order id of the form that TEvo uses."""
    return f"{4_606_850 + number}-{10_324_710 + 3 * number}"


class Desk:
    """Makes calls for one broker, and ignores refusals, which belong to the demo."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def set_hold_lifetime(self, seconds: int) -> None:
        """Set how long the holds that follow last."""
        Broker.objects.filter(id=self.broker.id).update(hold_lifetime=seconds)

    def hold(self, global_id: str, group: TicketGroup, quantity: int = PAIR) -> None:
        """Hold tickets of a group."""
        with contextlib.suppress(Refusal):
            holds.place(
                broker_id=self.broker.id,
                remote_id=group.remote_id,
                quantity=quantity,
                global_id=global_id,
                caller=CALLER,
            )

    def release(self, global_id: str) -> None:
        """Release a hold, or an id that was never held."""
        with contextlib.suppress(Refusal):
            holds.release(broker_id=self.broker.id, global_id=global_id, caller=CALLER)

    def invoice(self, global_id: str, order_id: str) -> None:
        """Invoice a hold; if that is refused, an order exception remains."""
        with contextlib.suppress(Refusal):
            invoices.invoice(
                broker_id=self.broker.id, order_id=order_id, global_id=global_id, caller=CALLER
            )

    def sell(self, global_id: str, group: TicketGroup, order_id: str, quantity: int = PAIR) -> None:
        """Hold tickets of a group and invoice them."""
        self.hold(global_id, group, quantity)
        self.invoice(global_id, order_id)

    def hold_by_staff(self, group: TicketGroup, customer: str, note: str) -> None:
        """Hold two tickets for a customer until the day after tomorrow."""
        with contextlib.suppress(Refusal):
            staff.hold(
                self._two_of(group),
                until=timezone.now() + timedelta(days=2),
                unit_price=group.price,
                customer=customer,
                note=note,
                caller=CALLER,
            )

    def sell_by_staff(self, group: TicketGroup, sale: Sale, customer: str) -> None:
        """Sell two tickets outside the marketplace."""
        with contextlib.suppress(Refusal):
            sell(self._two_of(group), sale, customer=customer, caller=CALLER)

    def _two_of(self, group: TicketGroup) -> Wanted:
        # The id is the same in every run.
        return Wanted(f"{STAFF_PREFIX}{group.id:016x}", self.broker.id, group.id, PAIR)

    def void(self, global_id: str, reason: str) -> None:
        """Void the sale of a hold."""
        for sale in Invoice.objects.filter(broker=self.broker, hold__global_id=global_id):
            with contextlib.suppress(Refusal):
                invoices.void(sale, reason=reason, caller=CALLER)

    def wait_until_overdue(self, *global_ids: str) -> None:
        """Wait until these holds, which last a second, are overdue."""
        mine = Hold.objects.filter(broker=self.broker, global_id__in=global_ids, state=State.HELD)
        while mine.exclude(id__in=Hold.objects.overdue().values("id")).exists():
            time.sleep(0.05)
