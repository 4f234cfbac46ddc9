"""What a ticket group becomes when its stock changes under claims."""

import pytest

from inventory.stock_rules import Claim, Contradiction, restocked


def becomes(
    listed: str, *claimed: str, present: str = "", quantity: int = 0, free_only: bool = False
) -> tuple[str, int]:
    claims = [
        Claim(f"g-{number}", len(seats.split()), tuple(seats.split()))
        for number, seats in enumerate(claimed)
    ]
    labels, total = restocked(
        listed.split(),
        quantity or len(listed.split()),
        claims=claims,
        free_only=free_only,
        present=present.split(),
    )
    return " ".join(labels), total


def test_seats_become_the_listed_and_the_claimed_ones_in_order() -> None:
    assert becomes("1 2", "5 6", "3 4") == ("1 2 3 4 5 6", 6)


@pytest.mark.parametrize("present", ["6 5 4 3 2 1", "3 4 1 2 6 5", "1 2 3 4 5 6"])
def test_same_seats_keep_the_order_they_have(present: str) -> None:
    first, second = present[:3], present[4:7]
    assert becomes("1 2 3 4 5 6", first, second, present=present) == (present, 6)
    free = present[8:]
    assert becomes(free, first, second, present=present) == (present, 6)


def test_other_seats_are_put_in_order_though_the_present_ones_were_not() -> None:
    assert becomes("6 5 2", "3 4", present="6 5 3 4 1") == ("2 3 4 5 6", 5)


def test_order_of_letters_is_the_brokers_own() -> None:
    assert becomes("A C B", present="B C A") == ("B C A", 3)
    assert becomes("A C", present="B C A") == ("A C", 2)


def test_general_admission_counts_all_tickets_or_the_free_ones() -> None:
    held = [Claim("g-1", 3, ())]
    assert restocked([], 5, claims=held, free_only=False) == ([], 5)
    assert restocked([], 5, claims=held, free_only=True) == ([], 8)
    assert restocked([], 1, claims=held, free_only=False) == ([], 3)


@pytest.mark.parametrize("present", ["", "1 3 2 4"])
def test_claimed_seats_are_never_torn_apart(present: str) -> None:
    with pytest.raises(Contradiction, match="The claim g-0 has seats 1, 3 together"):
        becomes("1 2 3 4 5", "1 3", present=present)


def test_numbered_claim_forbids_general_admission_and_the_other_way_round() -> None:
    with pytest.raises(Contradiction, match="cannot become general admission"):
        becomes("", "1 2", quantity=4)
    with pytest.raises(Contradiction, match="cannot get seat numbers"):
        restocked(["1", "2"], 2, claims=[Claim("g-1", 2, ())], free_only=False)


def test_seats_keep_the_order_they_have_where_another_would_tear_a_claim() -> None:
    assert becomes("1", "4 3", present="4 3 2 1") == ("4 3 1", 3)
    assert becomes("1", "3 4", present="4 3 2 1 5") == ("1 3 4", 3)


def test_order_they_have_does_not_help_where_a_new_seat_comes_between() -> None:
    with pytest.raises(Contradiction, match="tear them apart"):
        becomes("2 1", "3 1", present="3 1 5")
