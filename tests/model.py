"""The contract as a model: what each call answers, from states and numbers alone.

An answer is a status, a code and the members that the contract names. The code of a success is ""
or "replayed". Which seats a hold gets is the service's choice, and no matter of the model.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
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
        rules = {"none": quantity == free, "never_leave_one": free - quantity != 1}
        return {**rules, "pairs": quantity % 2 == 0, "custom": quantity in {1, 3}}.get(self.rule, True)


@dataclass(eq=False)
class Hold:
    remote_id: str = ""  # of a tombstone
    quantity: int = 0
    state: str = "released"
    expires: int = 0
    seats: list[int] = field(default_factory=list)
    order: str = ""


@dataclass
class Model:
    groups: dict[str, Group]
    lifetime: int
    now: int = 0
    holds: dict[str, Hold] = field(default_factory=dict)
    exceptions: set[tuple[str, str, str]] = field(default_factory=set)  # id, order, reason: open

    def free(self, remote_id: str, gone: Collection[Hold] = ()) -> tuple[int, set[int]]:
        live = [h for h in self.holds.values() if h.state in {"held", "invoiced"} and h not in gone]
        claims = [hold for hold in live if hold.remote_id == remote_id]
        left = self.groups[remote_id].quantity - sum(hold.quantity for hold in claims)
        return left, {*self.groups[remote_id].seats}.difference(*(hold.seats for hold in claims))

    def fits(self, remote_id: str, quantity: int, gone: Collection[Hold] = ()) -> bool:
        free, seats = self.free(remote_id, gone)
        together = any(seats.issuperset(range(seat, seat + quantity)) for seat in seats)
        return together if self.groups[remote_id].seats else quantity <= free

    def overdue(self) -> list[Hold]:
        held = [hold for hold in self.holds.values() if hold.state == "held"]
        return sorted((h for h in held if h.expires <= self.now), key=lambda hold: hold.expires)

    def hold(self, global_id: str, remote_id: str, quantity: int) -> Answer:
        if known := self.holds.get(global_id):
            if known.remote_id and (known.remote_id, known.quantity) != (remote_id, quantity):
                return 422, "global_id_reused", {}
            return (409, REFUSED[known.state], {}) if known.state in REFUSED else (200, "replayed", {})
        if remote_id not in self.groups:
            return 404, "ticket_group_not_found", {}
        if not self.groups[remote_id].on_sale:
            return 409, "not_for_sale", {}
        overdue = [hold for hold in self.overdue() if hold.remote_id == remote_id]
        for count in range(len(overdue) + 1):
            answer = self.judge(remote_id, quantity, overdue[:count])
            if answer[0] == 201:
                for hold in overdue[:count]:
                    hold.state = "expired"
                self.holds[global_id] = Hold(remote_id, quantity, "held", self.now + self.lifetime)
                break
        return answer

    def judge(self, remote_id: str, quantity: int, gone: Collection[Hold]) -> Answer:
        group, (free, _) = self.groups[remote_id], self.free(remote_id, gone)
        if quantity <= free and not group.allows(quantity, free):
            sizes = [size for size in range(1, free + 1) if group.allows(size, free)]
            allowed = [size for size in sizes if self.fits(remote_id, size, gone)]
            return 409, "split_not_allowed", {"allowed_quantities": allowed}
        if not self.fits(remote_id, quantity, gone):
            return 409, "insufficient_tickets", {"available": free}
        return 201, "", {}

    def release(self, global_id: str) -> Answer:
        hold = self.holds.setdefault(global_id, Hold(state="unknown"))
        if hold.state == "invoiced":
            self.exceptions.add((global_id, hold.order, "already_invoiced"))
            return 409, "already_invoiced", {"order_id": hold.order}
        replayed = hold.state == "released"
        hold.state = "released" if hold.state in {"unknown", "held"} else hold.state
        return 200, "replayed" if replayed else "", {}

    def invoice(self, order: str, global_id: str) -> Answer:
        hold = self.holds.get(global_id)
        if hold and hold.state == "invoiced" and hold.order == order:
            return 200, "replayed", {}
        late = hold is not None and hold.state == "expired"
        reason = self.objection(hold)
        self.exceptions -= {(global_id, order, each) for each in MENDED if not reason}
        self.exceptions |= {(global_id, order, reason or "late_invoice")} if reason or late else set()
        ...
