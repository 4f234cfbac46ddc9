"""The ledger: append-only, one row per effect, per ticket group numbered without a gap."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q

from inventory import limits


class Caller(NamedTuple):
    """Who asks for an effect: `key …`, `user …` or `command …`, and in which request."""

    name: str
    request_id: str = ""


class Effect(models.TextChoices):
    """What can happen to tickets of a group."""

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
        """What one ticket of this effect adds to quantity, held and sold."""
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


class LedgerManager(models.Manager["LedgerEntry"]):
    """The one way in: counters and ledger move in one statement."""

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
        """Move held and sold of a locked ticket group by `tickets`, and write that down.

        `tickets` is zero or less only where stock changes; quantity and seats of the group are
        then what they shall be already, and `seats` is the whole list. Raises IntegrityError when
        a counter would leave its bounds. By hand: one trip, and no moment between the writes.
        """
        _, held, sold = (tickets * change for change in effect.changes)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH changed AS (
                    UPDATE inventory_ticketgroup
                    SET held = held + %s, sold = sold + %s, entries = entries + 1
                    WHERE id = %s RETURNING id, entries, quantity, held, sold)
                INSERT INTO inventory_ledgerentry (group_id, number, effect, tickets, seats,
                    global_id, quantity, held, sold, asked_by, request_id, at)
                SELECT id, entries, %s, %s, %s::text[], %s, quantity, held, sold, %s, %s, %s
                FROM changed
                """,
                (
                    *(held, sold, group_id),
                    *(effect.value, tickets, list(seats), global_id),
                    *(caller.name, caller.request_id, now),
                ),
            )


class LedgerEntry(models.Model):
    """One effect on one ticket group, and the group's counters after it."""

    group = models.ForeignKey(
        "inventory.TicketGroup", on_delete=models.PROTECT, related_name="ledger", db_index=False
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
                fields=["group", "number"],
                name="ledgerentry_number_unique",
                violation_error_message="The ledger of a ticket group numbers each entry once.",
            ),
            models.CheckConstraint(
                name="ledgerentry_effect_known",
                condition=Q(effect__in=Effect.values),
                violation_error_message="There is no such effect.",
            ),
            models.CheckConstraint(
                name="ledgerentry_tickets_signed",
                condition=Q(tickets__gt=0) | Q(effect=Effect.STOCKED.value),
                violation_error_message="Only a change of stock can be of no tickets or fewer.",
            ),
            models.CheckConstraint(
                name="ledgerentry_counters_add_up",
                condition=Q(held__gte=0, sold__gte=0, quantity__gte=F("held") + F("sold")),
                violation_error_message="Free, held and sold tickets must add up to all.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} #{self.number}: {self.effect} {self.tickets}"
