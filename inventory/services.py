"""What staff do to the inventory: new brokers and new ticket groups."""

from django.db import transaction

from inventory import stocking
from inventory.models import Broker, Caller, TicketGroup


def create_broker(*, name: str, **policies: object) -> Broker:
    """Make a broker. `policies` are fields of Broker, such as hold_lifetime in seconds.

    Raises ValidationError with a message for each field that is not what it must be.
    """
    broker = Broker(name=name, **policies)
    broker.full_clean()
    broker.save()
    return broker


def stock(group: TicketGroup, *, caller: Caller) -> TicketGroup:
    """Put a new ticket group into the inventory, and its tickets into the ledger.

    Raises ValidationError with a message for each field that is not what it must be.
    """
    group.full_clean()
    with transaction.atomic(durable=True):
        stocking.put_in(group, caller=caller)
    return group
