"""Which seats a hold gets, and which quantities a split rule lets go: through the call itself."""

import pytest

from inventory.models import TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.work import steps

pytestmark = pytest.mark.django_db


def sell_out_but(api: Api, group: TicketGroup, *free: str) -> None:
    """Hold every seat by itself, then release those that shall be free."""
    for seat in group.seats:
        held = api.hold(group, 1, f"seat-{seat}").json()
        assert held["seats"] == [seat]
    for seat in free:
        api.release(f"seat-{seat}")


def test_seats_are_next_to_each_other_at_the_end_of_a_run(api: Api, group: TicketGroup) -> None:
    assert api.hold(group, 2, "g-1").json()["seats"] == ["7", "8"]
    assert api.hold(group, 3, "g-2").json()["seats"] == ["9", "10", "11"]
    assert api.hold(group, 1, "g-3").json()["seats"] == ["12"]


@pytest.mark.parametrize(
    ("seats", "chosen"),
    [
        (["1", "3", "5", "7"], ["1", "3"]),  # odd
        (["2", "4", "6", "8"], ["2", "4"]),  # even
        (["1", "2", "3", "4"], ["1", "2"]),
        (["1", "3", "4", "6"], ["3", "4"]),  # mixed: 1 and 3 are apart
        (["4", "3", "2", "1"], ["4", "3"]),  # counted from the other side
        (["A1", "B1", "B2", "C2"], ["B1", "B2"]),
        (["A", "B", "C", "D"], ["A", "B"]),  # no numbers: as the broker lists them
    ],
)
def test_adjacent_is_what_the_labels_say(api: Api, seats: list[str], chosen: list[str]) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=seats)

    assert api.hold(group, 2, "g-1").json()["seats"] == chosen


def test_single_seat_is_not_left_where_another_choice_exists(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[str(seat) for seat in range(1, 9)])
    sell_out_but(api, group, "1", "2", "3", "5", "6")

    assert api.hold(group, 2, "g-1").json()["seats"] == ["5", "6"]


def test_single_seat_is_left_where_no_other_choice_exists(api: Api, group: TicketGroup) -> None:
    sell_out_but(api, group, "7", "8", "9")

    assert api.hold(group, 2, "g-1").json()["seats"] == ["7", "8"]


def test_single_ticket_is_taken_where_it_stands_alone(api: Api, group: TicketGroup) -> None:
    sell_out_but(api, group, "7", "8", "9", "11")

    assert api.hold(group, 1, "g-1").json()["seats"] == ["11"]


def test_lowest_of_equal_choices_is_taken(api: Api, group: TicketGroup) -> None:
    sell_out_but(api, group, "8", "9", "11", "12")

    assert api.hold(group, 2, "g-1").json()["seats"] == ["8", "9"]


def test_rest_can_be_sold_under_the_split_rule(api: Api) -> None:
    group = TicketGroupFactory(
        broker=api.broker,
        seats=["1", "2", "3", "4", "6", "7", "8", "9", "10"],
        split_rule="custom",
        split_quantities=[2, 3, 4],
    )
    assert api.hold(group, 4, "g-1").json()["seats"] == ["1", "2", "3", "4"]
    api.release("g-1")

    # 4 of the second run would leave a single that no rule of this group ever sells.
    assert api.hold(group, 3, "g-2").json()["seats"] == ["6", "7", "8"]


def test_neatness_never_costs_a_sale(api: Api, group: TicketGroup) -> None:
    TicketGroup.objects.update(split_rule="pairs")
    api.hold(group, 2, "g-1")
    api.hold(group, 2, "g-2")
    TicketGroup.objects.update(split_rule="any")
    api.release("g-1")

    assert api.hold(group, 1, "g-3").status_code == 201


def test_tickets_without_seat_numbers_are_counted(api: Api, unchanged: Unchanged) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=5)
    assert api.hold(group, 2, "g-1").json()["seats"] == []
    api.hold(group, 2, "g-2")
    api.release("g-1")

    assert api.hold(group, 3, "g-3").status_code == 201
    with unchanged():
        assert api.hold(group, 1, "g-4").json()["available"] == 0


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"split_rule": "any"}, [1, 2, 3, 4, 5]),
        ({"split_rule": "none"}, [5]),
        ({"split_rule": "never_leave_one"}, [1, 2, 3, 5]),
        ({"split_rule": "pairs"}, [2, 4]),
        ({"split_rule": "custom", "split_quantities": [2, 3, 9]}, [2, 3]),
    ],
)
@pytest.mark.parametrize("seats", [["1", "2", "3", "4", "5"], []])
def test_split_rule_decides_which_quantities_go(
    api: Api, unchanged: Unchanged, rule: dict[str, object], allowed: list[int], seats: list[str]
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=seats, quantity=5, **rule)
    for quantity in range(1, 6):
        if quantity in allowed:
            assert api.hold(group, quantity, f"g-{quantity}").status_code == 201
            api.release(f"g-{quantity}")
            continue
        with unchanged():
            answer = api.hold(group, quantity, f"g-{quantity}")
        assert (answer.status_code, answer.json()["code"]) == (409, "split_not_allowed")
        assert answer.json()["allowed_quantities"] == allowed


@pytest.mark.parametrize(
    ("rule", "left"), [("none", [3]), ("never_leave_one", [1, 3]), ("pairs", [2])]
)
def test_split_rule_is_judged_by_what_is_free_now(api: Api, rule: str, left: list[int]) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=["1", "2", "3", "4", "5"])
    api.hold(group, 2, "g-1")
    TicketGroup.objects.update(split_rule=rule)

    for quantity in (1, 2, 3):
        answer = api.hold(group, quantity, f"g-2-{quantity}")
        assert answer.status_code == (201 if quantity in left else 409)
        api.release(f"g-2-{quantity}")


def test_allowed_quantities_fit_into_a_free_run(api: Api, group: TicketGroup) -> None:
    sell_out_but(api, group, "7", "8", "10", "11", "12")
    TicketGroup.objects.update(split_rule="never_leave_one")

    assert api.hold(group, 4, "g-1").json()["allowed_quantities"] == [1, 2, 3]


def test_allowed_quantity_that_fits_nowhere_is_insufficient(api: Api, group: TicketGroup) -> None:
    sell_out_but(api, group, "7", "8", "10", "11", "12")
    TicketGroup.objects.update(split_rule="none")

    answer = api.hold(group, 5, "g-1").json()
    assert (answer["code"], answer["available"]) == ("insufficient_tickets", 5)


@pytest.mark.parametrize(
    ("rule", "listed", "cut"),
    [
        ({"split_rule": "pairs"}, [*range(2, 202, 2)], True),
        ({"split_rule": "custom", "split_quantities": [*range(2, 102)]}, [*range(2, 102)], None),
        ({"split_rule": "custom", "split_quantities": [*range(2, 103)]}, [*range(2, 102)], True),
    ],
)
def test_no_more_than_100_allowed_quantities_are_listed(
    api: Api, unchanged: Unchanged, rule: dict[str, object], listed: list[int], cut: bool | None
) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=[], quantity=100_000, **rule)
    with unchanged():
        answer = api.hold(group, 1, "g-1").json()

    assert answer["allowed_quantities"] == listed
    assert answer.get("allowed_quantities_cut") is cut


def test_largest_group_of_many_sizes_is_answered_in_few_steps(
    api: Api, unchanged: Unchanged
) -> None:
    group = TicketGroupFactory(
        broker=api.broker,
        seats=[],
        quantity=100_000,
        split_rule="custom",
        split_quantities=[*range(3, 100_003, 100)],
    )
    api.hold(group, 3, "g-0")

    def work() -> None:
        with unchanged():
            assert api.hold(group, 1, "g-1").json()["allowed_quantities_cut"]
        assert api.hold(group, 103, "g-1").status_code == 201

    assert steps(work) < 60_000  # twice as many as it takes; a step for each ticket would be more


def test_group_of_one_sells_its_one(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, seats=["1"], split_rule="never_leave_one")

    assert api.hold(group, 1, "g-1").status_code == 201
