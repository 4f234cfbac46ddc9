"""Seat choice and split rules by their properties, judged by a search through every sale."""

from functools import cache
from itertools import combinations_with_replacement, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.seats import choose, find, free_runs, merged, overlap, rows, stride_after, stride_of
from inventory.split_rules import SplitRule, allowed_quantities, allows, reachable, stranded
from tests.support.work import steps

Runs = list[range]

searched = settings(deadline=None, max_examples=100)


def runs_of(lengths: list[int]) -> Runs:
    """Runs of these lengths, a gap between each two."""
    runs: Runs = []
    for length in lengths:
        start = runs[-1].stop + 1 if runs else 0
        runs.append(range(start, start + length))
    return runs


some_runs = st.lists(st.integers(1, 5), max_size=4).map(runs_of)
quantities = st.integers(1, 6)
Rule = tuple[SplitRule, frozenset[int]]


def rules(rule: SplitRule) -> st.SearchStrategy[Rule]:
    """The rule, with some list of quantities where it has one."""
    lists = st.frozensets(st.integers(1, 6), min_size=1)
    return st.tuples(st.just(rule), lists if rule == SplitRule.CUSTOM else st.just(frozenset()))


any_rule = st.sampled_from(SplitRule).flatmap(rules)


def cut(runs: Runs, taken: range) -> tuple[int, ...]:
    """The lengths of what is left of `runs`, written without the code under test."""
    lengths, length = [], 0
    last = max((run.stop for run in runs), default=0)
    for position in range(last + 1):
        if any(position in run for run in runs) and position not in taken:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    return tuple(sorted(lengths))


@cache
def unsellable(lengths: tuple[int, ...], rule: Rule) -> int:
    """How many seats stay after the best order of sales, each anywhere in a run."""
    free = sum(lengths)
    best = free
    for index, length in enumerate(lengths):
        for quantity in range(1, length + 1):
            if not allows(rule[0], quantity, free=free, custom=rule[1]):
                continue
            for left in range(length - quantity + 1):
                parts = [left, length - quantity - left]
                rest = [*lengths[:index], *lengths[index + 1 :], *filter(None, parts)]
                best = min(best, unsellable(tuple(sorted(rest)), rule))
    return best


def placements(runs: Runs, quantity: int) -> Runs:
    """Every place where `quantity` seats are free together."""
    return [
        range(start, start + quantity)
        for run in runs
        for start in range(run.start, run.stop - quantity + 1)
    ]


@searched
@given(some_runs, quantities, any_rule)
def test_chosen_seats_are_free_together_and_as_many_as_asked(
    runs: Runs, quantity: int, rule: Rule
) -> None:
    chosen = choose(runs, quantity, rule=rule[0], custom=rule[1])

    if chosen is not None:
        assert len(chosen) == quantity
        assert any(set(chosen) <= set(run) for run in runs)


@searched
@given(some_runs, quantities, any_rule)
def test_choice_exists_whenever_a_run_is_long_enough(runs: Runs, quantity: int, rule: Rule) -> None:
    chosen = choose(runs, quantity, rule=rule[0], custom=rule[1])

    assert (chosen is not None) == any(len(run) >= quantity for run in runs)


@pytest.mark.parametrize("kind", SplitRule)
@searched
@given(data=st.data(), runs=some_runs, quantity=quantities)
def test_no_placement_leaves_more_to_sell_then_fewer_singles_then_is_lower(
    kind: SplitRule, data: st.DataObject, runs: Runs, quantity: int
) -> None:
    rule = data.draw(rules(kind))
    chosen = choose(runs, quantity, rule=kind, custom=rule[1])

    cost = {
        place.start: (unsellable(left := cut(runs, place), rule), left.count(1), place.start)
        for place in placements(runs, quantity)
    }
    assert (chosen and chosen.start) == min(cost, key=cost.__getitem__, default=None)


@pytest.mark.parametrize("kind", SplitRule)
@searched
@given(data=st.data(), lengths=st.lists(st.integers(1, 5), max_size=4))
def test_stranded_is_what_no_order_of_sales_can_sell(
    kind: SplitRule, data: st.DataObject, lengths: list[int]
) -> None:
    rule = data.draw(rules(kind))

    assert stranded(lengths, *rule) == unsellable(tuple(sorted(lengths)), rule)


@searched
@given(some_runs, any_rule)
def test_allowed_quantities_are_those_that_a_hold_would_get(runs: Runs, rule: Rule) -> None:
    free = sum(map(len, runs))
    allowed = allowed_quantities(runs, rule=rule[0], free=free, custom=rule[1])

    assert list(allowed) == [
        quantity
        for quantity in range(1, free + 1)
        if allows(rule[0], quantity, free=free, custom=rule[1]) and placements(runs, quantity)
    ]


@pytest.mark.parametrize(
    ("rule", "free", "allowed"),
    [
        (SplitRule.ANY, 4, {1, 2, 3, 4}),
        (SplitRule.NONE, 4, {4}),
        (SplitRule.NEVER_LEAVE_ONE, 5, {1, 2, 3, 5}),
        (SplitRule.NEVER_LEAVE_ONE, 7, {1, 2, 3, 4, 5, 7}),
        (SplitRule.NEVER_LEAVE_ONE, 2, {2}),
        (SplitRule.NEVER_LEAVE_ONE, 1, {1}),
        (SplitRule.PAIRS, 4, {2, 4}),
        (SplitRule.PAIRS, 6, {2, 4, 6}),
        (SplitRule.PAIRS, 5, {2, 4}),
        (SplitRule.PAIRS, 1, set()),
        (SplitRule.CUSTOM, 6, {2, 3}),
        (SplitRule.CUSTOM, 2, {2}),
        (SplitRule.CUSTOM, 1, set()),
        (SplitRule.ANY, 0, set()),
    ],
)
def test_split_rules_allow_what_the_field_says(
    rule: SplitRule, free: int, allowed: set[int]
) -> None:
    custom = [2, 3, 9] if rule == SplitRule.CUSTOM else []

    assert {n for n in range(-1, 12) if allows(rule, n, free=free, custom=custom)} == allowed


@pytest.mark.parametrize(
    ("labels", "runs"),
    [
        ([], []),
        (["5"], [["5"]]),
        (["1", "2", "3"], [["1", "2", "3"]]),
        (["1", "2", "4", "5"], [["1", "2"], ["4", "5"]]),
        (["1", "3", "5", "9"], [["1", "3", "5"], ["9"]]),
        (["2", "4", "8", "10"], [["2", "4"], ["8", "10"]]),
        (["1", "3", "4"], [["1"], ["3", "4"]]),
        (["9", "10", "11"], [["9", "10", "11"]]),
        (["11", "10", "9"], [["11", "10", "9"]]),
        (["7", "5", "3"], [["7", "5", "3"]]),
        (["08", "09", "10"], [["08", "09", "10"]]),
        (["A1", "A2", "B3", "B4"], [["A1", "A2"], ["B3", "B4"]]),
        (["A1", "A3", "A5"], [["A1", "A3", "A5"]]),
        (["A", "B", "C"], [["A", "B", "C"]]),
        (["1A", "1B", "2A"], [["1A", "1B", "2A"]]),
        (["1", "aisle", "3"], [["1", "aisle", "3"]]),
    ],
)
def test_rows_are_the_runs_of_adjacent_labels(labels: list[str], runs: list[list[str]]) -> None:
    assert [[labels[position] for position in run] for run in rows(labels)] == runs


@pytest.mark.parametrize(
    ("labels", "stride", "runs"),
    [
        (["7", "9"], 1, [["7"], ["9"]]),
        (["7", "9"], 2, [["7", "9"]]),
        (["7", "9"], None, [["7", "9"]]),
        (["7", "8", "9"], 1, [["7", "8", "9"]]),
        (["5"], None, [["5"]]),
        (["A", "B"], None, [["A", "B"]]),
        (["A1", "A3", "aisle"], 1, [["A1"], ["A3", "aisle"]]),
    ],
)
def test_rows_go_by_the_stride_of_the_group(
    labels: list[str], stride: int | None, runs: list[list[str]]
) -> None:
    assert [[labels[place] for place in run] for run in rows(labels, stride=stride)] == runs


@pytest.mark.parametrize(
    ("labels", "stride"),
    [
        ("", None),
        ("7", None),
        ("A B C", None),
        ("7 aisle", None),
        ("7 9", 2),
        ("8 4 2", 2),
        ("A1 A3 B5", 2),
        ("7 8", 1),
        ("1 3 4", 1),
    ],
)
def test_stride_is_what_the_numbers_tell(labels: str, stride: int | None) -> None:
    assert stride_of(labels.split()) == stride


@pytest.mark.parametrize(
    ("before", "stride", "after", "becomes"),
    [
        ("7 8 9", 1, "7 9", 1),  # 8 is gone, and they are still not neighbours
        ("7 8 9", 1, "7", 1),
        ("7", 1, "7 9", 1),  # as before 8 and 9 were gone
        ("7 9 11", 2, "7 11", 2),
        ("7 9 11", 2, "7 9 11 13", 2),
        ("7 9 11", 2, "7 8 9", 1),
        ("7 8 9", 1, "8 10 12", 1),  # a seat of it stays
        ("7 8 9", 1, "1 3 5", 2),  # another row
        ("7 9 11", 2, "1 2 3", 1),
        ("7", None, "7 9", 2),  # nothing was known before
        ("7", None, "7 8", 1),
        ("", None, "7 9", 2),
        ("", None, "7", None),
        ("7 8", 1, "", None),
        ("7 9", 2, "21", None),
        ("A B", None, "A", None),
    ],
)
def test_stride_stays_unless_the_seats_are_others(
    before: str, stride: int | None, after: str, becomes: int | None
) -> None:
    assert stride_after(stride, before.split(), after.split()) == becomes


@searched
@given(st.lists(st.text(max_size=4), max_size=8))
def test_rows_cover_any_labels_once_and_in_order(labels: list[str]) -> None:
    assert [position for run in rows(labels) for position in run] == list(range(len(labels)))


taken_ranges = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 5)).map(lambda pair: range(pair[0], sum(pair))),
    max_size=5,
)


@searched
@given(some_runs, taken_ranges)
def test_free_runs_are_what_nobody_has_taken(runs: Runs, taken: Runs) -> None:
    free = free_runs(runs, taken)

    gone = {position for block in taken for position in block}
    left = [position for run in runs for position in run if position not in gone]
    assert [position for run in free for position in run] == left
    for run in free:
        assert run
        assert run.start - 1 not in left or any(run.start == whole.start for whole in runs)
        assert run.stop not in left or any(run.stop == whole.stop for whole in runs)


@searched
@given(taken_ranges)
def test_merged_ranges_have_the_same_positions_and_a_gap_between_each_two(taken: Runs) -> None:
    apart = merged(taken)

    assert [place for run in apart for place in run] == sorted({p for run in taken for p in run})
    assert all(apart)
    assert not {run.stop for run in apart} & {run.start for run in apart}


@searched
@given(st.sets(st.integers(1, 12), max_size=3), st.integers(0, 12))
def test_reachable_are_the_sums_of_any_number_of_each_size(sizes: set[int], most: int) -> None:
    sums = {sum(some) for n in range(most + 1) for some in combinations_with_replacement(sizes, n)}

    assert reachable(sizes, most) == sum(1 << number for number in sums if number <= most)


@pytest.mark.parametrize("rule", SplitRule)
def test_largest_groups_take_few_steps(rule: SplitRule) -> None:
    custom = range(2, 100_000, 100)
    general, apart = [range(100_000)], [range(seat, seat + 2) for seat in range(0, 1500, 3)]

    def work() -> None:
        for runs in (general, apart, [range(1000)]):
            free = sum(map(len, runs))
            choose(runs, 1, rule=rule, custom=custom)
            list(islice(allowed_quantities(runs, rule=rule, free=free, custom=custom), 101))
            free_runs(runs, [range(seat, seat + 1) for seat in range(0, 1000, 2)])
        rows([str(seat) for seat in range(1000)])
        reachable(custom, 100_000)

    assert steps(work) < 100_000  # a step for each pair of two runs would make 250,000


@searched
@given(some_runs.map(lambda runs: runs[:1]), taken_ranges)
def test_overlap_is_a_shared_position(runs: Runs, taken: Runs) -> None:
    for one in runs:
        assert overlap(one, taken) == any(set(one) & set(other) for other in taken)


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (["8", "9"], range(1, 3)),
        (["7", "8", "9", "10"], range(4)),
        (["10"], range(3, 4)),
        (["9", "8"], None),
        (["8", "10"], None),
        (["10", "11"], None),
        (["11"], None),
        ([], None),
    ],
)
def test_labels_are_found_where_they_stand_together(
    wanted: list[str], positions: range | None
) -> None:
    assert find(["7", "8", "9", "10"], wanted) == positions
