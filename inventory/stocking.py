"""Writes to ticket groups inside a transaction that others opened: a service, or a form's own."""

from django.utils import timezone

from inventory.models import Caller, Effect, LedgerEntry, TicketGroup


def put_in(group: TicketGroup, *, caller: Caller) -> None:
    """Insert a new ticket group that was validated, and its tickets into the ledger."""
    group.save(force_insert=True)
    LedgerEntry.objects.record(
        Effect.STOCKED,
        group_id=group.id,
        tickets=group.quantity,
        seats=group.seats,
        now=timezone.now(),
        caller=caller,
    )


def may_move(group: TicketGroup) -> bool:
    """Whether a group may get another event, section or row: not while tickets are promised."""
    return group.held + group.sold == 0


def locked_to_move(group_id: int) -> bool:
    """The same, true until the transaction ends: the group is locked and read as it is then."""
    return may_move(TicketGroup.objects.select_for_update(no_key=True).get(id=group_id))
