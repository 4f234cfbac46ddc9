"""Exceptions: calls that could not be honoured as asked, kept as work for staff."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import connection, models
from django.db.models import Q

from inventory import limits
from inventory.models import Broker

if TYPE_CHECKING:
    from holds.models import Hold


class Reason(models.TextChoices):
    """Why an exception was recorded."""

    HOLD_NOT_FOUND = "hold_not_found", "Invoice without a hold"
    HOLD_RELEASED = "hold_released", "Invoice after release"
    SALE_VOIDED = "sale_voided", "Invoice after void"
    TICKETS_UNAVAILABLE = "tickets_unavailable", "Invoice after expiry, tickets gone"
    ORDER_CONFLICT = "order_conflict", "Invoice under a second order id"
    ALREADY_INVOICED = "already_invoiced", "Release after invoice"
    LATE_INVOICE = "late_invoice", "Invoice after expiry, honoured"
    LATE_OFF_SALE = "late_off_sale", "Invoice after expiry, honoured while off sale"
    SOLD_BY_STAFF = "sold_by_staff", "Invoice of an order that staff have sold"


class OrderExceptionQuerySet(models.QuerySet["OrderException"]):
    """Queries and writes of the list of exceptions."""

    def open(self) -> Self:
        """Filter for the exceptions that nobody has resolved yet."""
        return self.filter(resolved_at=None)

    def record(
        self,
        reason: Reason,
        *,
        broker_id: int,
        global_id: str,
        order_id: str,
        hold: "Hold | None",
        now: datetime,
        answer: str,
    ) -> str:
        """Record an exception, or count the call if the exception exists already.

        The money at risk is the total of the `hold`, where there is one. `answer` is the code of
        the answer to the caller. An exception that staff have resolved stays resolved. Returns the
        exception's public id, which is given to the caller.
        """
        price = hold.unit_price if hold else None
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO holds_orderexception (public_id, broker_id, global_id, order_id, reason,
                    hold_id, amount, currency, answer, times, first_at, last_at, resolved_by, note)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, '', '')
                ON CONFLICT (broker_id, global_id, order_id, reason) DO UPDATE
                SET times = holds_orderexception.times + 1, last_at = excluded.last_at
                RETURNING public_id
                """,
                (
                    *(new_public_id(), broker_id, global_id, order_id, reason.value),
                    hold.id if hold else None,
                    price * hold.quantity if hold and price is not None else None,
                    hold.currency if hold and price is not None else "",
                    *(answer, now, now),
                ),
            )
            public_id: str = cursor.fetchone()[0]
        return public_id

    def resolve(self, *, now: datetime, by: str, note: str) -> int:
        """Resolve the open exceptions of this queryset, and return how many there were."""
        return self.open().update(resolved_at=now, resolved_by=by, note=note)


def new_public_id() -> str:
    """Return a random id for an exception: 16 hexadecimal digits.

    It is random so that a caller cannot count the exceptions of other brokers.
    """
    return secrets.token_hex(8)


class OrderException(models.Model):
    """A call that staff must look at, such as a sale that could not be honoured or came late."""

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="exceptions", db_index=False
    )
    public_id = models.CharField(
        "exception id",
        max_length=16,
        default=new_public_id,
        editable=False,
        help_text="The id that was given to the marketplace for this exception.",
    )
    global_id = models.CharField(max_length=limits.ID_LENGTH)
    order_id = models.CharField(max_length=limits.ID_LENGTH)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    hold = models.ForeignKey(
        "holds.Hold",
        on_delete=models.PROTECT,
        null=True,
        related_name="exceptions",
        db_constraint=False,
    )
    amount = models.DecimalField("money at risk", max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    answer = models.CharField(max_length=40, help_text="The code of the answer to the caller.")
    times = models.IntegerField(help_text="How many times the call came.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)

    objects = OrderExceptionQuerySet.as_manager()

    class Meta:
        verbose_name = "exception"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["public_id", "broker"],
                name="orderexception_public_id_unique",
                violation_error_message="An exception with that exception id exists already.",
            ),
            models.UniqueConstraint(
                fields=["broker", "global_id", "order_id", "reason"],
                name="orderexception_unique",
                violation_error_message="An order has only one exception for each reason.",
            ),
            models.CheckConstraint(
                name="orderexception_reason_known",
                condition=Q(reason__in=Reason.values),
                violation_error_message="There is no such reason.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.order_id or self.global_id}"
