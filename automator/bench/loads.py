"""The loads: which calls are made, and on which ticket groups."""

from dataclasses import dataclass

from automator.bench.filling import BIG_GROUPS, HOT_GROUPS


@dataclass(frozen=True, slots=True)
class Load:
    """A mix of calls.

    Args:
        title: the name for people.
        kind: `usual` for half holds, 45 % releases and 5 % invoices; `reserve` for holds and
            releases only; `twice` if each call is repeated; `refused` if every call is refused.
        prefix: the beginning of the remote ids of its groups, to which a number is added.
        groups: how many groups it uses; 0 for all ordinary ones.
        one: whether each turn uses one group only.
        quantity: how many tickets a hold takes.
        expected: the statuses of answers that belong to the load.
        during: what the project does meanwhile: `sweep`, `import` or nothing. Such a load is for
            the project only.
    """

    title: str
    kind: str = "usual"
    prefix: str = "g-"
    groups: int = 0
    one: bool = False
    quantity: int = 2
    expected: frozenset[int] = frozenset({200, 201})
    during: str = ""

    def numbers(self, *, ordinary: int, turn: int) -> tuple[int, int]:
        """Return the numbers of the first and the last group of a turn.

        Args:
            ordinary: how many ordinary groups there are.
            turn: the number of the turn, which no other turn of the contestant has.
        """
        if self.one:
            number = turn % self.groups + 1
            return number, number
        return 1, self.groups or ordinary


LOADS = {
    "spread": Load("spread over all groups"),
    "hot": Load("one hot group", kind="reserve", prefix="hot-", groups=HOT_GROUPS, one=True),
    "duplicates": Load("every call twice", kind="twice"),
    "refusals": Load("refusals", kind="refused", expected=frozenset({404, 409})),
    "q2": Load("quantity 2", kind="reserve", prefix="big-", groups=BIG_GROUPS),
    "q8": Load("quantity 8", kind="reserve", prefix="big-", groups=BIG_GROUPS, quantity=8),
    "q50": Load("quantity 50", kind="reserve", prefix="big-", groups=BIG_GROUPS, quantity=50),
    "sweep": Load("spread, during a sweep", during="sweep"),
    "import": Load("spread, during an import", prefix="i-", during="import"),
}
