"""Prices and sale of many ticket groups at once: each row by itself, no claim touched."""

from decimal import Decimal

import pytest

from holds.models import Hold
from inventory import services
from inventory.models import Broker, TicketGroup
from inventory.prices import PriceChange
from tests.support.factories import TicketGroupFactory, UserFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api
from tests.support.rivals import Rivals, agrees, somebody_locks, until_waiting
from tests.support.staff import Staff, page_of
from tests.support.two_brokers import broker_with_rows

pytestmark = pytest.mark.django_db


def reprice(staff: Staff, *groups: TicketGroup, change: str, by: str) -> list[str]:
    """Change prices as the page asks it: with the prices that it has shown."""
    seen = {f"seen-{group.pk}": str(group.price) for group in groups}
    return staff.act("change_prices", *groups, change=change, by=by, **seen)


def test_prices_are_changed_by_percent_and_holds_keep_theirs(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    other = TicketGroupFactory(broker=group.broker, remote_id="dear", price=Decimal("99.99"))
    api.hold(group, 2, "g-1")
    said = reprice(staff, group, other, change="raise_percent", by="10")

    assert sorted(said) == [
        "ticket group dear: 211, row 15: Price changed from 99.99 USD to 109.99 USD.",
        f"ticket group {group}: Price changed from 40.00 USD to 44.00 USD.",
    ]
    group.refresh_from_db()
    assert (group.price, group.held, group.entries) == (Decimal("44.00"), 2, 2)
    assert Hold.objects.get().unit_price == Decimal("40.00")
    assert api.invoice("o-1", "g-1").json()["unit_price"] == "40.00"
    assert agrees()


def test_page_shows_the_prices_there_are_and_says_what_holds_keep(
    staff: Staff, group: TicketGroup
) -> None:
    chosen = {"action": "change_prices", "_selected_action": [group.pk], "index": "0"}
    page = staff.post(page_of(TicketGroup), chosen).content.decode()

    assert "40.00 USD" in page
    assert f'name="seen-{group.pk}" value="40.00"' in page
    assert "Tickets that are held keep the price of their hold" in page


@pytest.mark.parametrize(
    ("change", "by", "becomes"),
    [
        (PriceChange.SET, "12.34", "12.34"),
        (PriceChange.SET, "1000000", "1000000.00"),
        (PriceChange.RAISE_PERCENT, "12.5", "11.26"),
        (PriceChange.LOWER_PERCENT, "50", "5.01"),
        (PriceChange.LOWER_PERCENT, "100", "0.00"),
        (PriceChange.RAISE, "0.01", "10.02"),
        (PriceChange.LOWER, "10.01", "0.00"),
        (PriceChange.LOWER, "10.02", "-0.01"),
    ],
)
def test_a_price_of_10_01_becomes(change: PriceChange, by: str, becomes: str) -> None:
    assert str(change.of(Decimal("10.01"), Decimal(by))) == becomes


def test_price_that_would_leave_its_bounds_is_refused_row_by_row(
    staff: Staff, group: TicketGroup
) -> None:
    dear = TicketGroupFactory(broker=group.broker, remote_id="dear", price=Decimal("100.00"))
    refused = "The price would be -10.00, and a price is from 0 to 1,000,000. It is still 40.00."
    said = reprice(staff, group, dear, change="lower", by="50")

    assert sorted(said) == [
        "ticket group dear: 211, row 15: Price changed from 100.00 USD to 50.00 USD.",
        f"ticket group {group}: {refused}",
    ]
    group.refresh_from_db()
    assert group.price == Decimal("40.00")
    highest = TicketGroupFactory(broker=group.broker, price=Decimal("999999.00"))
    (said_of_highest,) = reprice(staff, highest, change="raise", by="2")
    assert "The price would be 1,000,001.00" in said_of_highest


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ({"change": "double", "by": "1"}, "Select a valid choice"),
        ({"change": "set", "by": "-1"}, "greater than or equal to 0"),
        ({"change": "set", "by": "NaN"}, "Enter a number."),
        ({"change": "set", "by": ""}, "This field is required."),
        ({"change": "set", "by": "1.234"}, "no more than 2 decimal places"),
    ],
)
def test_change_that_makes_no_sense_is_asked_again(
    staff: Staff, group: TicketGroup, unchanged: Unchanged, answers: dict[str, str], complaint: str
) -> None:
    chosen = {"action": "change_prices", "_selected_action": [group.pk], "confirmed": "yes"}
    with unchanged():
        page = staff.post(page_of(TicketGroup), {**chosen, **answers}).content.decode()

    assert complaint in page


def test_price_that_has_changed_since_the_page_was_opened_is_left(
    staff: Staff, group: TicketGroup
) -> None:
    first = reprice(staff, group, change="raise_percent", by="10")
    again = reprice(staff, group, change="raise_percent", by="10")  # the button, pressed twice

    assert first == [f"ticket group {group}: Price changed from 40.00 USD to 44.00 USD."]
    assert again == [
        f"ticket group {group}: The price has changed to 44.00 meanwhile and was left as it is."
    ]
    group.refresh_from_db()
    assert group.price == Decimal("44.00")


@pytest.mark.django_db(transaction=True)
def test_price_that_changes_while_another_change_waits_is_not_lost(
    rivals: Rivals, staff: Staff, group: TicketGroup
) -> None:
    with somebody_locks(group) as somebody:
        waits = rivals.start(lambda: reprice(staff, group, change="raise", by="1"))
        until_waiting(1)
        somebody.execute("UPDATE inventory_ticketgroup SET price = 70 WHERE id = %s", (group.id,))

    assert waits.result() == [
        f"ticket group {group}: The price has changed to 70.00 meanwhile and was left as it is."
    ]
    group.refresh_from_db()
    assert group.price == Decimal("70.00")


@pytest.mark.django_db(transaction=True)
def test_hold_that_meets_a_new_price_is_made_at_it(
    rivals: Rivals, api: Api, group: TicketGroup
) -> None:
    def raised() -> int:
        services.reprice(group.id, PriceChange.RAISE, Decimal(1), seen=group.price)
        return 0

    rivals.queue(group, raised, lambda: api.hold(group, 2, "g-1").status_code)

    assert Hold.objects.get().unit_price == Decimal("41.00")
    assert agrees()


def test_groups_are_taken_off_sale_with_their_holds_kept(
    api: Api, staff: Staff, group: TicketGroup
) -> None:
    api.hold(group, 2, "g-1")
    assert staff.act("take_off_sale", group) == [f"ticket group {group}: Off sale. Still held: 2."]

    assert api.hold(group, 2, "g-2").json()["code"] == "not_for_sale"
    assert api.invoice("o-1", "g-1").status_code == 201
    assert staff.act("take_off_sale", group) == [f"ticket group {group}: It is off sale already."]
    assert agrees()


def test_groups_are_put_on_sale(api: Api, staff: Staff, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker, on_sale=False)
    assert staff.act("put_on_sale", group) == [f"ticket group {group}: On sale."]

    assert api.hold(group, 2, "g-1").status_code == 201
    assert staff.act("put_on_sale", group) == [f"ticket group {group}: It is on sale already."]


def test_group_that_has_vanished_from_the_book_is_put_on_sale_with_a_warning(
    api: Api, staff: Staff, broker: Broker
) -> None:
    group = TicketGroupFactory(broker=broker, on_sale=False, listed=False)
    (said,) = staff.act("put_on_sale", group)

    assert "not in your latest book" in said
    assert api.hold(group, 2, "g-1").json()["code"] == "not_for_sale"


@pytest.mark.django_db(transaction=True)
def test_group_that_somebody_keeps_locked_is_said_to_be_busy(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged(), somebody_locks(group):
        (said,) = staff.act("take_off_sale", group)

    assert "is busy just now" in said


@pytest.mark.parametrize("action", ["change_prices", "put_on_sale", "take_off_sale"])
def test_groups_of_another_broker_are_out_of_reach(unchanged: Unchanged, action: str) -> None:
    staff = Staff(UserFactory(broker=broker_with_rows("alpha")))
    theirs = broker_with_rows("omega").ticket_groups.get()
    chosen = {"action": action, "_selected_action": [theirs.pk], "change": "set", "by": "1"}
    with unchanged():
        asked = staff.post(page_of(TicketGroup), {**chosen, "index": "0"}, follow=True)
        said = staff.confirm(chosen, TicketGroup, **{f"seen-{theirs.pk}": "40.00"})

    assert "omega" not in asked.content.decode()
    assert said == ["None of the chosen rows exists any more."]


def test_price_that_stays_the_same_is_told_and_not_written(
    staff: Staff, group: TicketGroup, unchanged: Unchanged
) -> None:
    with unchanged():
        said = reprice(staff, group, change="raise", by="0")

    assert said == [f"ticket group {group}: The price is 40.00 already."]
