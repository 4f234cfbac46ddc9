"""What staff do to the inventory: new brokers and new ticket groups."""

from django.db import transaction
from django.utils import timezone

from inventory.models import Broker, Caller, Effect, LedgerEntry, TicketGroup


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
        group.save(force_insert=True)
        LedgerEntry.objects.record(
            Effect.STOCKED,
            group_id=group.id,
            tickets=group.quantity,
            seats=group.seats,
            now=timezone.now(),
            caller=caller,
        )
    return group
