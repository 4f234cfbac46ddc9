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
    """Whether a group may get another event, section or row.

    Not while tickets are held or sold, nor after a hold has expired: that one may still be
    invoiced, as what the marketplace was told.
    """
    expired = LedgerEntry.objects.filter(group=group, effect=Effect.EXPIRED)
    return group.held + group.sold == 0 and not expired.exists()


def locked_to_move(group_id: int) -> bool:
    """The same, true until the transaction ends: the group is locked first, then looked at."""
    return may_move(TicketGroup.objects.select_for_update(no_key=True).get(id=group_id))
