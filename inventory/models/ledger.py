"""The ledger: an append-only record of every effect, numbered per ticket group without gaps."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from inventory import limits
from inventory.database.trips import Statement
from inventory.transactions import write


class Caller(NamedTuple):
    """Who asks for an effect (`key …`, `user …` or `command …`), and in which request."""

    name: str
    request_id: str = ""


class Effect(models.TextChoices):
    """What can happen to tickets of a ticket group."""

    STOCKED = "stocked", "Stocked"
    HELD = "held", "Held"
    RELEASED = "released", "Released"
    RELEASED_LATE = "released_late", "Released after expiry"
    EXPIRED = "expired", "Expired"
    INVOICED = "invoiced", "Invoiced"
    INVOICED_LATE = "invoiced_late", "Invoiced late"
    VOIDED = "voided", "Voided"

    @property
    def changes(self) -> tuple[int, int, int]:
        """What each ticket of this effect adds to the counters quantity, held and sold."""
        return CHANGES[self]


CHANGES = {
    Effect.STOCKED: (1, 0, 0),
    Effect.HELD: (0, 1, 0),
    Effect.RELEASED: (0, -1, 0),
    Effect.RELEASED_LATE: (0, 0, 0),  # the expiry has freed the tickets already
    Effect.EXPIRED: (0, -1, 0),
    Effect.INVOICED: (0, -1, 1),
    Effect.INVOICED_LATE: (0, 0, 1),
    Effect.VOIDED: (0, 0, -1),
}


# What every statement that writes to the ledger begins with. A SELECT with these columns follows.
INSERT_ENTRIES = (
    "INSERT INTO inventory_ledgerentry (broker_id, group_id, number, effect, tickets, seats,"
    " global_id, quantity, held, sold, asked_by, request_id, at)"
)


# Nothing can come between the two writes of one statement.
RECORD = Statement(
    "record",
    f"""
    WITH changed AS (
        UPDATE inventory_ticketgroup
        SET held = held + %(held)s, sold = sold + %(sold)s, entries = entries + 1
        WHERE id = %(group_id)s RETURNING id, broker_id, entries, quantity, held, sold)
    {INSERT_ENTRIES}
    SELECT broker_id, id, entries, %(effect)s, %(tickets)s::integer, %(seats)s::text[],
        %(global_id)s, quantity, held, sold, %(asked_by)s, %(request_id)s, %(at)s::timestamptz
    FROM changed
    """,  # noqa: S608  no outside text in it
)


class LedgerManager(models.Manager["LedgerEntry"]):
    """Adds the only way to write to the ledger, together with the counters."""

    def record(
        self,
        effect: Effect,
        *,
        group_id: int,
        tickets: int,
        now: datetime,
        caller: Caller,
        global_id: str = "",
        seats: Sequence[str] = (),
    ) -> None:
        """Change the counters of a locked ticket group by an effect, and record it in the ledger.

        `tickets` is how many tickets are affected, and `seats` are their labels if they are
        numbered. `now` is the time of the effect. Only for a change of stock may `tickets` be zero
        or negative; the caller has then saved the group's new quantity and seats already, and
        `seats` is its whole new list.

        Raises:
            IntegrityError: a counter would leave its bounds.
        """
        _, held, sold = (tickets * change for change in effect.changes)
        write(
            RECORD(
                held=held,
                sold=sold,
                group_id=group_id,
                effect=effect.value,
                tickets=tickets,
                seats=list(seats),
                global_id=global_id,
                asked_by=caller.name,
                request_id=caller.request_id,
                at=now,
            )
        )


class LedgerEntry(models.Model):
    """One effect on one ticket group, with the group's counters after it."""

    # It is the group's broker, because the foreign key of the group contains it. A foreign key to
    # the table of brokers as well would make each entry dearer and forbid nothing more.
    broker = models.ForeignKey(
        "inventory.Broker",
        on_delete=models.PROTECT,
        related_name="ledger",
        db_index=False,
        db_constraint=False,
    )
    group = models.ForeignKey(
        "inventory.TicketGroup",
        on_delete=models.PROTECT,
        related_name="ledger",
        db_index=False,
        db_constraint=False,
    )
    number = models.IntegerField()
    effect = models.CharField(max_length=16, choices=Effect.choices)
    tickets = models.IntegerField()
    seats = ArrayField(models.CharField(max_length=limits.SEAT_LENGTH), default=list, blank=True)
    global_id = models.CharField(max_length=limits.ID_LENGTH, blank=True)
    quantity = models.IntegerField()
    held = models.IntegerField()
    sold = models.IntegerField()
    asked_by = models.CharField(max_length=200)
    request_id = models.CharField(max_length=limits.ID_LENGTH, blank=True)
    at = models.DateTimeField()

    objects = LedgerManager()

    class Meta:
        verbose_name_plural = "ledger"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["group", "number", "broker"],
                name="ledgerentry_number_unique",
                violation_error_message="The ticket group has a ledger entry of that number.",
            ),
            models.CheckConstraint(
                name="ledgerentry_effect_known",
                condition=Q(effect__in=Effect.values),
                violation_error_message="This is not an effect.",
            ),
            models.CheckConstraint(
                name="ledgerentry_tickets_signed",
                condition=Q(tickets__gt=0) | Q(effect=Effect.STOCKED.value),
                violation_error_message="Only a change of stock can have zero or fewer tickets.",
            ),
            models.CheckConstraint(
                name="ledgerentry_counters_add_up",
                condition=Q(held__gte=0, sold__gte=0, quantity__gte=F("held") + F("sold")),
                violation_error_message="Held and sold tickets cannot exceed the quantity.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} #{self.number}: {self.effect} {self.tickets}"
