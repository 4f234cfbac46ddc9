"""What staff do to the inventory: brokers, ticket groups, their prices, on and off sale, splits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone

from inventory import limits, stock
from inventory.errors import Refusal
from inventory.models import Broker, Caller, TicketGroup
from inventory.prices import PriceChange


def create_broker(*, name: str, **policies: object) -> Broker:
    """Make a broker. `policies` are fields of Broker, such as hold_lifetime in seconds.

    Raises ValidationError with a message for each field that is not what it must be.
    """
    broker = Broker(name=name, **policies)
    broker.full_clean()
    broker.save()
    return broker


def reprice(group_id: int, change: PriceChange, by: Decimal, *, seen: Decimal) -> Decimal:
    """Change the asking price of a ticket group that was `seen` with a price; return the new one.

    Tickets that are held keep the price of their hold. Raises Refusal where the price has changed
    since, stays the same, or would leave its bounds.
    """
    with _locked(group_id) as group:
        if group.price != seen:
            raise Refusal(f"The price is {group.price:,.2f} meanwhile, and was left so")
        price = change.of(group.price, by)
        if not 0 <= price <= limits.HIGHEST_PRICE:
            raise Refusal(
                f"The price would be {price:,.2f}, and a price is from 0 to 1,000,000. It is still "
                f"{group.price:,.2f}"
            )
        if price == group.price:
            raise Refusal(f"The price is {price:,.2f} already")
        group.price = price
        group.save(update_fields=["price"])
    return price


def put_on_sale(group_id: int, *, on_sale: bool) -> TicketGroup:
    """Put a ticket group on sale or take it off; its holds and sales stay as they are.

    Raises Refusal where it is so already.
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
    """Move some tickets of a group that nobody has claims on to a new one, which is returned.

    `seats` are those that go, or none in general admission, where `quantity` says how many. The
    new group has the facts of the old one. Raises Refusal where tickets are claimed, the seats
    are not the group's, all or none of them would go, or the remote id is in use.
    """
    try:
        with _locked(group_id) as group:
            if TicketGroup.objects.filter(broker=group.broker_id, remote_id=remote_id).exists():
                raise Refusal(_in_use(remote_id))
            if group.held + group.sold:
                raise Refusal("Tickets of this group are held or sold, so it stays whole")
            going = _going(group, seats, quantity)
            leaving = [label for label in group.seats if label in set(seats)]
            staying = [label for label in group.seats if label not in set(seats)]
            stock.take_out(
                group, staying, group.quantity - going, now=timezone.now(), caller=caller
            )
            # The old group as it was read, under a new key: whatever is no stock stays the same.
            new = copy(group)
            new.pk, new.remote_id, new.entries = None, remote_id, 0
            new.seats, new.quantity = leaving, going
            stock.put_in(new, caller=caller)
    except IntegrityError as error:
        if "ticketgroup_remote_id_unique" not in str(error):
            raise
        raise Refusal(_in_use(remote_id)) from error
    return new


@contextmanager
def _locked(group_id: int) -> Iterator[TicketGroup]:
    with TicketGroup.objects.locked_by_id(group_id) as group:
        if group is None:
            raise Refusal("There is no such ticket group")
        yield group


def _going(group: TicketGroup, seats: Sequence[str], quantity: int) -> int:
    """How many tickets of a group go to another."""
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
