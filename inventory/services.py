"""What staff can do: add brokers, and reprice, split, and put ticket groups on or off sale.

The functions that change a ticket group can also raise `transactions.DATABASE_UNAVAILABLE`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone

from inventory import limits, stock_changes
from inventory.errors import Refusal
from inventory.models import Broker, Caller, TicketGroup
from inventory.prices import PriceChange
from inventory.violations import violates


def create_broker(*, name: str, **policies: object) -> Broker:
    """Create a broker and return it.

    `policies` are fields of Broker, such as `hold_lifetime` in seconds.

    Raises:
        ValidationError: a field is not valid; it has a message for each such field.
    """
    broker = Broker(name=name, **policies)
    broker.full_clean()
    broker.save()
    return broker


def reprice(group_id: int, change: PriceChange, by: Decimal, *, seen: Decimal) -> Decimal:
    """Change the asking price of a ticket group, and return the new price.

    `by` is an amount in the broker's currency or a percentage, as `change` says. `seen` is the
    price that the user saw. Tickets that are held keep the price of their hold.

    Raises:
        Refusal: there is no such group, its price is no longer `seen`, or the new price would be
            the same or out of bounds.
    """
    with _locked(group_id) as group:
        if group.price != seen:
            raise price_changed(group.price)
        price = change.of(group.price, by)
        if not 0 <= price <= limits.HIGHEST_PRICE:
            raise Refusal(
                f"The price would be {price:,.2f}, and a price is from 0 to "
                f"{limits.HIGHEST_PRICE:,}. It is still {group.price:,.2f}"
            )
        if price == group.price:
            raise Refusal(f"The price is {price:,.2f} already")
        group.price = price
        group.save(update_fields=["price"])
    return price


def price_changed(price: Decimal) -> Refusal:
    """Return the refusal to change a price that has changed to `price` since a user saw it."""
    return Refusal(f"The price has changed to {price:,.2f} meanwhile and was left as it is")


def put_on_sale(group_id: int, *, on_sale: bool) -> TicketGroup:
    """Put a ticket group on sale or take it off sale, and return it.

    Its holds and sales stay as they are.

    Raises:
        Refusal: there is no such group, or it is on or off sale already.
    """
    with _locked(group_id) as group:
        if group.on_sale == on_sale:
            raise Refusal(f"It is {'on' if on_sale else 'off'} sale already")
        group.on_sale = on_sale
        group.save(update_fields=["on_sale"])
    return group


def split(
    group_id: int, *, seats: Sequence[str], quantity: int, remote_id: str, caller: Caller
) -> TicketGroup:
    """Move some tickets of an unclaimed ticket group to a new group, and return the new group.

    `seats` are the labels of the seats to move. For general admission they are empty, and
    `quantity` says how many tickets to move. The new group gets the remote id `remote_id`; all its
    other facts are those of the old group.

    Raises:
        Refusal: there is no such group, tickets of it are held or sold, the seats are not its
            seats, all or none of its tickets would move, or the remote id is in use.
    """
    try:
        with _locked(group_id) as group:
            if TicketGroup.objects.filter(broker=group.broker_id, remote_id=remote_id).exists():
                raise Refusal(_in_use(remote_id))
            if group.held + group.sold:
                raise Refusal("Tickets of this group are held or sold, so it cannot be split")
            going = _going(group, seats, quantity)
            leaving = [label for label in group.seats if label in set(seats)]
            staying = [label for label in group.seats if label not in set(seats)]
            stock_changes.take_out(
                group, staying, group.quantity - going, now=timezone.now(), caller=caller
            )
            # The new group is a copy of the old one as it was read. Only its stock differs.
            new = copy(group)
            new.pk, new.remote_id, new.entries = None, remote_id, 0
            new.seats, new.quantity = leaving, going
            stock_changes.put_in(new, caller=caller)
    except IntegrityError as error:
        if not violates(error, "ticketgroup_remote_id_unique"):
            raise
        raise Refusal(_in_use(remote_id)) from error
    return new


@contextmanager
def _locked(group_id: int) -> Iterator[TicketGroup]:
    with TicketGroup.objects.locked_by_id(group_id) as (group, _):
        if group is None:
            raise Refusal("There is no such ticket group")
        yield group


def _going(group: TicketGroup, seats: Sequence[str], quantity: int) -> int:
    """Return how many tickets of a group are to move to another one."""
    strange = [label for label in seats if label not in group.seats]
    if strange:
        raise Refusal(f"The group has no seat {', '.join(strange[:5])}")
    if bool(group.seats) != bool(seats):
        raise Refusal("Say which seats go" if group.seats else "The group has no seat numbers")
    going = len(seats) or quantity
    if not 0 < going < group.quantity:
        raise Refusal(f"Some of the {group.quantity} tickets must go, and some must stay")
    return going


def _in_use(remote_id: str) -> str:
    return f"The remote id {remote_id} is in use"
