"""Random calls, a moving clock and the sweep against a model of the contract."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis.strategies as st
import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from automator.audit import differences
from holds import locked_reads, staff
from holds import services as holds
from holds.models import STAFF_PREFIX, Hold, OrderException
from holds.staff import Wanted, new_global_id
from inventory.errors import InsufficientTickets
from inventory.models import Caller, TicketGroup
from invoices import services as invoices
from invoices.models import Invoice
from invoices.staff import Sale, sell, sell_held
from tests.support.contract_model import Answer, Group, Model
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import DatabaseClock
from tests.support.marketplace import Api

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

# Numbered seats 1 to 6; with a gap, so that there are two runs; and general admission.
SEATS = [(1, 2, 3, 4, 5, 6), (1, 2, 3, 7, 8, 9), ()]
RULES = ["any", "none", "never_leave_one", "pairs", "custom"]
# Few, so that calls meet.
GLOBAL_IDS = ["g-1", "g-2", "g-3", "g-4", "g-5", "g-6"]
STAFF = Caller("user staff")
# Under an order id of the marketplace's, so that an order is sold twice now and then.
SALE = Sale("By phone", "o-1", Decimal(50))
groups = st.builds(
    lambda rule, seats: Group(rule, 6, seats), st.sampled_from(RULES), st.sampled_from(SEATS)
)


class Step(NamedTuple):
    """What is done next; a step uses what it needs of the rest."""

    what: str
    global_id: str
    remote_id: str
    order: str
    quantity: int
    thirds: int


steps = st.builds(
    Step,
    what=st.sampled_from(
        [
            *("hold", "hold_what_may_be_held", "hold_what_may_be_held", "hold_again"),
            *("invoice", "invoice", "invoice", "release", "void", "wait", "wait", "sweep"),
            *("hold_by_staff", "sell_by_staff", "sell_what_is_held_by_staff", "void"),
            *("hold_the_unknown", "take_off_sale_or_put_back", "hold_and_let_it_expire"),
        ]
    ),
    global_id=st.sampled_from(GLOBAL_IDS),
    remote_id=st.sampled_from(["r-1", "r-2"]),
    order=st.sampled_from(["o-1", "o-2"]),
    quantity=st.integers(1, 7),
    thirds=st.integers(1, 3),
)


class Marketplace(RuleBasedStateMachine):
    """Makes each call on the service and on the model, and compares."""

    clock: DatabaseClock

    @initialize(one=groups, other=groups)
    def stock(self, one: Group, other: Group) -> None:
        self.start = transaction.savepoint()
        self.broker = BrokerFactory()
        self.model = Model({"r-1": one, "r-2": other}, self.broker.hold_lifetime)
        self.groups: dict[str, TicketGroup] = {
            remote_id: TicketGroupFactory(
                broker=self.broker,
                remote_id=remote_id,
                seats=list(map(str, group.seats)),
                quantity=group.quantity,
                split_rule=group.rule,
                split_quantities=[1, 3] if group.rule == "custom" else [],
            )
            for remote_id, group in self.model.groups.items()
        }
        self.groups["unknown"] = TicketGroup(remote_id="unknown")
        self.api = Api(self.broker)

    # One rule, since hypothesis switches whole rules off for an example, and calls would not meet.
    @rule(step=steps)
    def take_step(self, step: Step) -> None:
        getattr(self, step.what)(step)

    def hold(self, step: Step) -> None:
        self.place(step.remote_id, step.quantity, step.global_id)

    def hold_the_unknown(self, step: Step) -> None:
        self.place("unknown", step.quantity, step.global_id)

    def hold_what_may_be_held(self, step: Step) -> None:
        gone = [hold for hold in self.model.overdue() if hold.remote_id == step.remote_id]
        sizes = [n for n in range(1, 7) if self.model.ways_among(gone, step.remote_id, n)]
        unused = [each for each in GLOBAL_IDS if each not in self.model.holds]
        if sizes and unused:
            self.place(step.remote_id, sizes[step.quantity % len(sizes)], unused[0])

    def hold_and_let_it_expire(self, step: Step) -> None:
        self.hold_what_may_be_held(step)
        self.wait(step._replace(thirds=3))
        self.sweep(step)

    def hold_again(self, step: Step) -> None:
        hold = self.model.holds.get(step.global_id)
        if hold and hold.remote_id:
            self.place(hold.remote_id, hold.quantity, step.global_id)

    def place(self, remote_id: str, quantity: int, global_id: str) -> None:
        expected = self.timed(self.model.hold(global_id, remote_id, quantity))
        answer = self.api.hold(self.groups[remote_id], quantity, global_id)
        assert told(answer, expected) == expected
        if answer.status_code == 201:
            self.take(global_id, answer.json())

    def release(self, step: Step) -> None:
        expected = self.model.release(step.global_id)
        answer = self.api.release(step.global_id)
        assert told(answer, expected) == expected
        assert answer.json().get("status", "released") == "released" or expected[0] == 409

    def invoice(self, step: Step) -> None:
        expected = self.model.invoice(step.order, step.global_id)
        answer = self.api.invoice(step.order, step.global_id)
        assert told(answer, expected) == expected
        if answer.status_code == 201:
            self.take(step.global_id, answer.json())

    def void(self, step: Step) -> None:
        sold = [each for each, hold in self.model.holds.items() if hold.state == "invoiced"]
        if sold:
            global_id, gone = sold[step.quantity % len(sold)], step.thirds == 3
            sale = Invoice.objects.get(hold__broker=self.broker, hold__global_id=global_id)
            invoices.void(sale, reason="Buyer left", back_to_stock=not gone, caller=STAFF)
            self.model.void(global_id, gone=gone)

    def hold_by_staff(self, step: Step) -> None:
        def hold(asked: Wanted) -> Hold:
            lifetime = timedelta(seconds=self.broker.hold_lifetime)
            return staff.hold(
                asked,
                until=locked_reads.clock() + lifetime,
                unit_price=Decimal(40),
                customer="Jane Doe",
                caller=STAFF,
            ).hold

        self.by_staff(step, hold)

    def sell_by_staff(self, step: Step) -> None:
        global_id = self.by_staff(step, lambda asked: sell(asked, SALE, caller=STAFF).invoice.hold)
        if global_id:
            self.model.holds[global_id].state = "invoiced"
            self.model.holds[global_id].order = SALE.reference

    def sell_what_is_held_by_staff(self, step: Step) -> None:
        for global_id, hold in self.model.holds.items():
            if global_id.startswith(STAFF_PREFIX) and hold.state == "held":
                sell_held(broker_id=self.broker.id, global_id=global_id, sale=SALE, caller=STAFF)
                hold.state, hold.order = "invoiced", SALE.reference
                break

    def by_staff(self, step: Step, take: Callable[[Wanted], Hold]) -> str:
        """The global id under which staff get what the model says; empty where they do not."""
        group = self.groups[step.remote_id]
        asked = Wanted(new_global_id(), self.broker.id, group.id, step.quantity)
        status, _, members = self.timed(
            self.model.place(asked.global_id, step.remote_id, step.quantity, staff=True)
        )
        if status != 201:
            with pytest.raises(InsufficientTickets) as caught:
                take(asked)
            assert told_to_staff(caught.value.members) == members
            return ""
        self.take(asked.global_id, {"seats": take(asked).seats})
        return asked.global_id

    def wait(self, step: Step) -> None:
        seconds = self.broker.hold_lifetime // 3 * step.thirds
        self.model.now += seconds
        self.clock.move(seconds)

    def sweep(self, step: Step) -> None:
        overdue = self.model.overdue()
        assert holds.expire(batch=100, caller=Caller("command expire_holds")) >= len(overdue)
        self.model.expire(overdue)

    def take_off_sale_or_put_back(self, step: Step) -> None:
        on_sale = step.thirds > 1
        self.model.groups[step.remote_id].on_sale = on_sale
        TicketGroup.objects.filter(id=self.groups[step.remote_id].id).update(on_sale=on_sale)

    def take(self, global_id: str, body: dict[str, Any]) -> None:
        """Give the model the seats that were answered: free before, and next to each other."""
        hold = self.model.holds[global_id]
        if hold.state == "held":
            self.expire_for_it()
        others = Model(self.model.groups, 0, holds={**self.model.holds})
        del others.holds[global_id]
        seats = [int(seat) for seat in body["seats"]]
        if self.model.groups[hold.remote_id].seats:
            assert others.free(hold.remote_id)[1].issuperset(seats)
            assert seats == list(range(seats[0], seats[0] + hold.quantity))
        else:
            assert seats == []
        hold.seats = seats

    def expire_for_it(self) -> None:
        """Expire in the model what the service has expired: enough for the hold, and no more."""
        rows = Hold.objects.filter(broker=self.broker, state="expired")
        gone = {self.model.holds[each] for each in rows.values_list("global_id", flat=True)}
        gone = {hold for hold in gone if hold.state == "held"}
        able = [set(way) for way in self.model.ways]
        assert gone in able
        assert not any(way < gone for way in able)
        self.model.expire(gone)

    def timed(self, expected: Answer) -> Answer:
        """The same answer, with the time at which the hold ends that it names."""
        status, code, members = expected
        if hold := members.get("may_free_at"):
            found = next(each for each, one in self.model.holds.items() if one is hold)
            row = Hold.objects.get(broker=self.broker, global_id=found)
            members = {**members, "may_free_at": whole(row.expires_at)}
        return status, code, members

    @invariant()
    def holds_stand_where_the_model_says(self) -> None:
        rows = Hold.objects.filter(broker=self.broker).order_by()
        found = {
            global_id: (state, order or "", seats)
            for global_id, state, order, seats in rows.values_list(
                "global_id", "state", "order_id", "seats"
            )
        }
        assert found == {
            global_id: (hold.state, hold.order, list(map(str, hold.seats)))
            for global_id, hold in self.model.holds.items()
        }

    @invariant()
    def tickets_are_free_held_or_sold(self) -> None:
        for group in TicketGroup.objects.filter(broker=self.broker).order_by():
            claims = [h for h in self.model.holds.values() if h.remote_id == group.remote_id]
            tickets = Counter[str]()
            for hold in claims:
                tickets[hold.state] += hold.quantity
            free, _ = self.model.free(group.remote_id)
            assert (group.free, group.held, group.sold) == (
                free,
                tickets["held"],
                tickets["invoiced"],
            )

    @invariant()
    def staff_have_the_work_that_the_model_says(self) -> None:
        rows = OrderException.objects.filter(broker=self.broker, resolved_at=None).order_by()
        assert set(rows.values_list("global_id", "order_id", "reason")) == self.model.exceptions

    def teardown(self) -> None:
        """Compare everything, then leave nothing that later examples would read."""
        assert list(differences()) == []
        transaction.savepoint_rollback(self.start)


def whole(time: Any) -> str:
    """A time as an answer has it, in whole seconds and not earlier than it is."""
    seconds = math.ceil(time.timestamp())
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def told_to_staff(members: dict[str, Any]) -> dict[str, Any]:
    time = members["may_free_at"]
    return {**members, "may_free_at": time and whole(time)}


def told(answer: "Response", expected: Answer) -> Answer:
    """An answer as the model gives it, with the members that the model knows."""
    body = answer.json()
    replayed = "replayed" if "Idempotent-Replayed" in answer else ""
    members = {name: body.get(name) for name in expected[2]}
    return answer.status_code, body.get("code", replayed), members


@pytest.mark.django_db
def test_every_call_is_answered_as_the_model_says(
    database_clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marketplace, "clock", database_clock, raising=False)
    run_state_machine_as_test(
        Marketplace,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
