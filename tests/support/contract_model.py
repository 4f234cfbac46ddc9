"""The contract as a model: what each call answers, from states and numbers alone.

An answer is a status, a code and the members that the contract names. The code of a success is ""
or "replayed". Which seats a hold gets, and which overdue holds go for it, is the service's choice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

Answer = tuple[int, str, dict[str, Any]]
REFUSED = {"released": "hold_released", "expired": "hold_expired", "voided": "sale_voided"}


@dataclass(eq=False)
class Group:
    rule: str
    quantity: int
    seats: tuple[int, ...] = ()  # numbers; those that differ by one are neighbours
    on_sale: bool = True

    def allows(self, quantity: int, free: int) -> bool:
        rules = {"none": quantity == free, "never_leave_one": free - quantity != 1, "any": True}
        return (rules | {"pairs": quantity % 2 == 0, "custom": quantity in {1, 3}})[self.rule]


@dataclass(eq=False)
class Hold:
    remote_id: str = ""  # of a tombstone
    quantity: int = 0
    expires: int = 0
    state: str = "released"
    order: str = ""
    seats: list[int] = field(default_factory=list)
    by_staff: bool = False


@dataclass
class Model:
    groups: dict[str, Group]
    lifetime: int
    now: int = 0
    holds: dict[str, Hold] = field(default_factory=dict)
    ways: list[tuple[Hold, ...]] = field(default_factory=list)  # holds that may go for the last one
    exceptions: set[tuple[str, str, str]] = field(default_factory=set)  # id, order, reason: open

    def free(self, remote_id: str, gone: Collection[Hold] = ()) -> tuple[int, set[int]]:
        live = [h for h in self.holds.values() if h.state in {"held", "invoiced"} and h not in gone]
        claims, group = [h for h in live if h.remote_id == remote_id], self.groups[remote_id]
        taken = {seat for hold in claims for seat in hold.seats}
        return group.quantity - sum(hold.quantity for hold in claims), {*group.seats} - taken

    def fits(self, remote_id: str, quantity: int, gone: Collection[Hold] = ()) -> bool:
        free, seats = self.free(remote_id, gone)
        together = any(seats.issuperset(range(seat, seat + quantity)) for seat in seats)
        return together if self.groups[remote_id].seats else quantity <= free

    def hold(self, global_id: str, remote_id: str, quantity: int) -> Answer:
        if hold := self.holds.get(global_id):
            if hold.remote_id and (hold.remote_id, hold.quantity) != (remote_id, quantity):
                return 422, "global_id_reused", {}
            refused = REFUSED.get(hold.state)
            return (409, refused, {}) if refused else (200, "replayed", {})
        if remote_id not in self.groups:
            return 404, "ticket_group_not_found", {}
        if not self.groups[remote_id].on_sale:
            return 409, "not_for_sale", {}
        return self.place(global_id, remote_id, quantity)

    def place(
        self, global_id: str, remote_id: str, quantity: int, *, staff: bool = False
    ) -> Answer:
        overdue = [hold for hold in self.overdue() if hold.remote_id == remote_id]
        self.ways = self.ways_among(overdue, remote_id, quantity, staff=staff)
        if self.ways:
            self.holds[global_id] = Hold(
                remote_id, quantity, self.now + self.lifetime, "held", by_staff=staff
            )
            return 201, "", {}
        free, _ = self.free(remote_id, overdue)
        if quantity <= free and not staff and not self.groups[remote_id].allows(quantity, free):
            sizes = range(1, free + 1)
            allowed = [size for size in sizes if self.ways_among(overdue, remote_id, size)]
            return 409, "split_not_allowed", {"allowed_quantities": allowed}
        members = {"available": free, "may_free_at": self.next(remote_id, quantity, staff=staff)}
        return 409, "insufficient_tickets", members

    def ways_among(
        self, holds: Sequence[Hold], remote_id: str, quantity: int, *, staff: bool = False
    ) -> list[tuple[Hold, ...]]:
        """Every set of these holds with which gone the call would succeed, smaller ones first."""
        group = self.groups[remote_id]
        return [
            gone
            for count in range(len(holds) + 1)
            for gone in combinations(holds, count)
            if self.fits(remote_id, quantity, gone)
            and (staff or group.allows(quantity, self.free(remote_id, gone)[0]))
        ]

    def next(self, remote_id: str, quantity: int, *, staff: bool) -> Hold | None:
        """The hold whose end is the first after which the call could succeed."""
        held = [h for h in self.holds.values() if (h.remote_id, h.state) == (remote_id, "held")]
        held.sort(key=lambda hold: hold.expires)
        for count, hold in enumerate(held, start=1):
            if self.ways_among(held[:count], remote_id, quantity, staff=staff):
                return hold
        return None

    def release(self, global_id: str) -> Answer:
        hold = self.holds.get(global_id) or Hold(state="held")
        if hold.state == "invoiced":
            self.exceptions.add((global_id, hold.order, "already_invoiced"))
            return 409, "already_invoiced", {"order_id": hold.order}
        code = "replayed" if hold.state == "released" else ""
        hold.state = "released" if hold.state in {"held", "expired"} else hold.state
        self.holds[global_id] = hold
        return 200, code, {}

    def invoice(self, order: str, global_id: str) -> Answer:
        hold = self.holds.get(global_id)
        code = self.objection(hold, order)
        if hold is None or code not in {"", "replayed"}:
            self.exceptions.add((global_id, order, code))
            members = {"order_id": hold.order} if hold and hold.state == "invoiced" else {}
            return 409 if hold else 404, code, members
        if code == "replayed":
            return 200, code, {}
        mended = {(global_id, order, why) for why in ("hold_not_found", "tickets_unavailable")}
        late = hold.state == "expired"
        told = set()
        if late:
            on_sale = self.groups[hold.remote_id].on_sale
            told.add((global_id, order, "late_invoice" if on_sale else "late_off_sale"))
        if any(sale.by_staff and sale.order == order for sale in self.sold()):
            told.add((global_id, order, "sold_by_staff"))
        self.exceptions = self.exceptions - mended | told
        hold.state, hold.order = "invoiced", order
        return 201, "", {"late": late}

    def sold(self) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.state == "invoiced"]

    def objection(self, hold: Hold | None, order: str) -> str:
        if hold is None:
            return "hold_not_found"
        if hold.state == "expired":
            return "" if self.fits(hold.remote_id, hold.quantity) else "tickets_unavailable"
        if hold.state == "invoiced":
            return "replayed" if hold.order == order else "order_conflict"
        return REFUSED.get(hold.state, "")

    def void(self, global_id: str, *, gone: bool) -> None:
        hold = self.holds[global_id]
        hold.state = "voided"
        if gone:
            group = self.groups[hold.remote_id]
            group.quantity -= hold.quantity
            group.seats = tuple(seat for seat in group.seats if seat not in hold.seats)

    def overdue(self) -> list[Hold]:
        held = [h for h in self.holds.values() if h.state == "held" and h.expires <= self.now]
        return sorted(held, key=lambda hold: hold.expires)

    def expire(self, overdue: Collection[Hold]) -> None:
        for hold in overdue:
            hold.state = "expired"
