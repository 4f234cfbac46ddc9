"""Which holds make room for another: against a search through every set of them, and its bounds."""

import random
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate, chain, combinations, islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holds.make_room import Conditions, Held, Stock, allowed, to_free
from inventory.split_rules import SplitRule, allows
from tests.support.work import steps

searched = settings(deadline=None, max_examples=200)
CUSTOM = frozenset({1, 3, 4})
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICKETS, SEATS = 8000, 800  # a step for each pair of two tickets or seats would be 640,000


def held(quantity: int, start: int | None = None) -> Held:
    positions = range(0) if start is None else range(start, start + quantity)
    return Held(id=0, quantity=quantity, positions=positions, expires_at=NOON)


general = st.builds(
    lambda free, sizes: Stock(free, [held(size) for size in sizes]),
    st.integers(0, 6),
    st.lists(st.integers(1, 4), max_size=6),
)


@st.composite
def numbered(draw: st.DrawFn) -> Stock:
    """Blocks of seats that are free, held or sold, in rows that begin anywhere, even inside one."""
    blocks = draw(
        st.lists(st.tuples(st.sampled_from("fffhhhs"), st.integers(1, 3)), min_size=1, max_size=7)
    )
    ends = list(accumulate(size for _, size in blocks))
    breaks = sorted(draw(st.sets(st.integers(1, ends[-1]), max_size=2)) | {0, ends[-1]})
    places = [(kind, end - size, end) for (kind, size), end in zip(blocks, ends, strict=True)]
    return Stock(
        free=sum(end - start for kind, start, end in places if kind == "f"),
        held=draw(st.permutations([held(e - s, s) for kind, s, e in places if kind == "h"])),
        rows=[range(*ends) for ends in pairwise(breaks)],
        fixed=[range(start, end) for kind, start, end in places if kind == "s"],
    )


any_conditions = st.sampled_from(
    [Conditions(rule, CUSTOM if rule == SplitRule.CUSTOM else frozenset()) for rule in SplitRule]
)


def succeeds(stock: Stock, freed: Sequence[int], quantity: int, conditions: Conditions) -> bool:
    """Whether a hold would, if just these were freed."""
    free = stock.free + sum(stock.held[index].quantity for index in freed)
    if not allows(conditions.rule, quantity, free=free, custom=conditions.custom):
        return False
    if not stock.rows:
        return True
    kept = [one.positions for index, one in enumerate(stock.held) if index not in freed]
    taken = {*chain.from_iterable([*kept, *stock.fixed])}
    if conditions.places:
        return taken.isdisjoint(conditions.places)
    return any(
        taken.isdisjoint(range(start, start + quantity))
        for row in stock.rows
        for start in range(row.start, row.stop - quantity + 1)
    )


def subsets(indexes: Sequence[int]) -> list[tuple[int, ...]]:
    return [some for count in range(len(indexes) + 1) for some in combinations(indexes, count)]


def check(stock: Stock, quantity: int, conditions: Conditions) -> None:
    found = to_free(stock, quantity, conditions)
    able = [
        some
        for some in subsets(range(len(stock.held)))
        if succeeds(stock, some, quantity, conditions)
    ]
    if found is None:
        assert not able
        return
    assert tuple(sorted(found)) in able
    assert max(found, default=-1) == min(max(some, default=-1) for some in able)
    assert not any(set(some) < set(found) for some in able)


@searched
@given(stock=general | numbered(), quantity=st.integers(1, 9), conditions=any_conditions)
def test_set_is_found_if_there_is_one_and_has_nothing_superfluous(
    stock: Stock, quantity: int, conditions: Conditions
) -> None:
    check(stock, quantity, conditions)


@searched
@given(stock=numbered(), data=st.data())
def test_named_seats_need_those_who_have_them(stock: Stock, data: st.DataObject) -> None:
    last = stock.rows[-1].stop
    start = data.draw(st.integers(0, last - 1))
    places = range(start, data.draw(st.integers(start + 1, last)))

    check(stock, len(places), Conditions(SplitRule.ANY, places=places))


@searched
@given(stock=general | numbered(), conditions=any_conditions)
def test_allowed_quantities_are_just_those_that_would_succeed(
    stock: Stock, conditions: Conditions
) -> None:
    available = stock.free + sum(one.quantity for one in stock.held)

    assert list(allowed(stock, available, conditions)) == [
        quantity
        for quantity in range(1, available + 1)
        if any(
            succeeds(stock, some, quantity, conditions) for some in subsets(range(len(stock.held)))
        )
    ]


@pytest.mark.parametrize(
    ("rule", "sizes", "quantity", "freed"),
    [
        (SplitRule.NONE, [1, 2, 1], 2, [1]),
        (SplitRule.NONE, [1, 1, 2], 2, [0, 1]),
        (SplitRule.NONE, [1, 2, 3], 2, [1]),
        (SplitRule.NONE, [3, 3, 4, 2], 5, [0, 3]),
        (SplitRule.NONE, [2, 2], 3, None),
        (SplitRule.NEVER_LEAVE_ONE, [3, 1], 2, [0, 1]),
        (SplitRule.NEVER_LEAVE_ONE, [1, 2], 2, [1]),
        (SplitRule.NEVER_LEAVE_ONE, [3, 1, 2], 2, [0, 1]),
        (SplitRule.NEVER_LEAVE_ONE, [3], 2, None),
        (SplitRule.ANY, [1, 1, 3], 3, [2]),
        (SplitRule.ANY, [1, 2, 3], 3, [0, 1]),
        (SplitRule.PAIRS, [4], 3, None),
        (SplitRule.CUSTOM, [4], 2, None),
    ],
)
def test_tickets_without_numbers_are_freed_as_the_rule_needs(
    rule: SplitRule, sizes: list[int], quantity: int, freed: list[int] | None
) -> None:
    found = to_free(Stock(0, [held(size) for size in sizes]), quantity, Conditions(rule, CUSTOM))

    assert (found and sorted(found)) == freed


def full(sizes: Sequence[int], rows: Sequence[range] = ()) -> Stock:
    """A group in which everything is held."""
    starts = accumulate(sizes, initial=0) if rows else [None] * len(sizes)
    return Stock(0, [held(size, start) for size, start in zip(sizes, starts, strict=False)], rows)


def spread(total: int, seed: int = 7) -> list[int]:
    """As many different sizes as make this total, in no order."""
    sizes = list(range(1, int((2 * total) ** 0.5)))
    random.Random(seed).shuffle(sizes)
    return sizes


LARGE = {
    "single tickets": full([1] * TICKETS),
    "tickets in different numbers": full(spread(TICKETS)),
    "single seats": full([1] * SEATS, [range(SEATS)]),
    "single seats apart": full([1] * SEATS, [range(seat, seat + 1) for seat in range(SEATS)]),
    "seats in different numbers": full(spread(SEATS), [range(sum(spread(SEATS)))]),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("rule", SplitRule)
def test_steps_of_a_search_grow_with_the_number_of_holds_and_seats(
    name: str, rule: SplitRule
) -> None:
    stock = LARGE[name]
    total = sum(one.quantity for one in stock.held)
    most = 150 * (len(stock.held) + sum(map(len, stock.rows)))
    conditions = Conditions(rule, frozenset(range(2, TICKETS, 100)))
    for quantity in (1, 2, total // 2, total - 1, total, total + 1):
        assert steps(partial(to_free, stock, quantity, conditions)) < most
    listed: list[int] = []
    assert steps(lambda: listed.extend(islice(allowed(stock, total, conditions), 101))) < most
    assert len(listed) <= 101


def test_sums_of_many_equal_sizes_are_few() -> None:
    """The search keeps the sums after each bundle of equal sizes, and not after each size."""
    stock = full([1] * TICKETS)
    tracemalloc.start()
    try:
        to_free(stock, TICKETS // 2, Conditions(SplitRule.NONE))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000  # bytes; it would be four times that
    finally:
        tracemalloc.stop()
