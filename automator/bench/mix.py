"""The calls of a load in Python. `wrk.lua` makes the same ones for wrk."""

import json
import random
from collections import deque
from typing import NamedTuple

SETTLED_BY_INVOICE = 10  # one hold in so many is sold, the others are released
CREATED = 201
TOO_MANY = 999  # more tickets than any group has


class Call(NamedTuple):
    """A request: its path, and its body, which may be empty."""

    path: str
    body: bytes


class Mix:
    """Decides on one call after another.

    Args:
        kind: the kind of load, see `loads.Load`.
        remote: the beginning of the remote ids.
        groups: the numbers of the first and the last ticket group.
        quantity: how many tickets a hold takes.
        prefix: the beginning of the global ids.
        seed: the seed of the random numbers.
    """

    def __init__(
        self,
        kind: str,
        *,
        remote: str,
        groups: tuple[int, int],
        quantity: int,
        prefix: str,
        seed: int,
    ) -> None:
        self._kind, self._remote, self._groups = kind, remote, groups
        self._quantity, self._prefix = quantity, prefix
        self._chance = random.Random(seed)  # noqa: S311 -- not for secrets
        self._held: deque[str] = deque()
        self._again: deque[Call] = deque()
        self._turn = self._sent = self._settled = 0

    def next(self) -> Call:
        """Return the next call."""
        self._turn += 1
        number = self._chance.randint(*self._groups)
        group = f"{self._remote}{number}"
        if self._kind == "refused":
            if self._turn % 2:
                return self._hold(group, TOO_MANY)
            return self._hold(f"unknown-{number}", self._quantity)
        if self._kind == "twice":
            return self._twice(group)
        if self._turn % 2 == 0 and self._held:
            return self._settle()
        return self._hold(group, self._quantity)

    def answered(self, status: int, body: bytes) -> None:
        """Remember a hold, so that it is settled later."""
        if status != CREATED:
            return
        answer = json.loads(body)
        if answer["status"] == "held":
            self._held.append(answer["global_id"])

    def _twice(self, group: str) -> Call:
        """Return a call, or repeat one of some 60 calls ago; holds are settled later than that."""
        if self._turn % 2 == 0 and len(self._again) > 32:  # noqa: PLR2004
            return self._again.popleft()
        if self._turn % 4 == 3 and len(self._held) > 64:  # noqa: PLR2004
            call = self._settle()
        else:
            call = self._hold(group, self._quantity)
        self._again.append(call)
        return call

    def _hold(self, remote_id: str, quantity: int) -> Call:
        self._sent += 1
        global_id = f"{self._prefix}-{self._sent}"
        body = {"remote_id": remote_id, "quantity": quantity, "global_id": global_id}
        return Call("/api/v1/holds", json.dumps(body).encode())

    def _settle(self) -> Call:
        global_id = self._held.popleft()
        self._settled += 1
        if self._kind != "reserve" and self._settled % SETTLED_BY_INVOICE == 0:
            body = {"order_id": f"o-{global_id}", "global_id": global_id}
            return Call("/api/v1/invoices", json.dumps(body).encode())
        return Call(f"/api/v1/holds/{global_id}/release", b"")
