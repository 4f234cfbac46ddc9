"""Invoices and voids, which record sales and their undoing. Their rows never change."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import ClassVar

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from holds.models import Hold, OrderException, Reason
from inventory import limits
from inventory.database.trips import Statement, insert
from inventory.models import Broker
from inventory.transactions import write

# The buyer of every sale that TEvo's calls make is Ticket Evolution itself.
BUYER = "Ticket Evolution"
# The exceptions that a sale records. All others are recorded by refused calls.
RECORDED_BY_A_SALE = (Reason.LATE_INVOICE, Reason.LATE_OFF_SALE, Reason.SOLD_BY_STAFF)


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Queries for look-ups and lists, and the statement that writes an invoice."""

    def of_order(self, *, broker_id: int, order_id: str) -> list["Invoice"]:
        """Return the invoices of a marketplace's order id, one for each hold, with their holds.

        Sales by staff under the same reference are left out, because the marketplace must not see
        them. The holds are read in a statement of their own: for a join, PostgreSQL may read the
        whole table of holds where the statistics of one table are older than those of the other.
        """
        invoices = self.filter(broker_id=broker_id, order_id=order_id)
        found = invoices.prefetch_related("hold").order_by("id")
        return [invoice for invoice in found if not invoice.hold.by_staff]

    def of_hold(self, hold: Hold) -> tuple["Invoice", str]:
        """Return the invoice of an invoiced hold, and the id of the exception of this sale.

        The id is empty where the sale has not recorded an exception. The given `hold` is set as the
        hold of the invoice.
        """
        recorded = OrderException.objects.filter(
            broker_id=OuterRef("broker_id"),
            global_id=hold.global_id,
            order_id=OuterRef("order_id"),
            reason__in=RECORDED_BY_A_SALE,
        ).order_by("id")
        exception_id = Coalesce(Subquery(recorded.values("public_id")[:1]), Value(""))
        invoice = self.annotate(exception_id=exception_id).get(hold_id=hold.id)
        invoice.hold = hold
        return invoice, invoice.exception_id  # type: ignore[attr-defined]  # annotated above

    def issue(
        self,
        hold: Hold,
        *,
        now: datetime,
        late: bool = False,
        buyer: str = BUYER,
        unit_price: Decimal | None = None,
    ) -> "Invoice":
        """Write and return the invoice of a hold that has just been sold.

        `unit_price` is the price of one ticket where it is not that of the hold. The statement is
        written in SQL because this is the hot path.

        Raises:
            ValueError: the hold has no price or no order id.
        """
        price = hold.unit_price if unit_price is None else unit_price
        if price is None or hold.order_id is None:
            raise ValueError(f"{hold} has no price or no order id and cannot be invoiced")
        invoice = Invoice(
            broker_id=hold.broker_id,
            order_id=hold.order_id,
            hold=hold,
            buyer=buyer,
            quantity=hold.quantity,
            unit_price=price,
            total=price * hold.quantity,
            currency=hold.currency,
            late=late,
            invoiced_at=now,
        )
        write(_issue()(**{name: getattr(invoice, name) for name in _issue().parameters}))
        return invoice


@cache
def _issue() -> Statement:
    return insert("issue", Invoice)


class Invoice(models.Model):
    """A sale of one hold, either to the marketplace or by staff, under an order id or reference."""

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    order_id = models.CharField(max_length=limits.ID_LENGTH)
    # The database's unique constraint has the broker in it too; see the migration.
    hold = models.OneToOneField(
        Hold, on_delete=models.PROTECT, related_name="invoice", db_constraint=False
    )
    buyer = models.CharField(max_length=100)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=9, decimal_places=2)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    late = models.BooleanField()
    invoiced_at = models.DateTimeField()

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["broker", "order_id"], name="invoice_order_id")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="invoice_total_adds_up",
                condition=Q(quantity__gt=0, total=F("unit_price") * F("quantity")),
                violation_error_message="The total must be the unit price times the quantity.",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class Void(models.Model):
    """The record that staff undid a sale. The invoice itself stays as it was."""

    # It is the invoice's broker, because the foreign key of the invoice contains it.
    broker = models.ForeignKey(
        Broker,
        on_delete=models.PROTECT,
        related_name="voids",
        db_index=False,
        db_constraint=False,
    )
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, related_name="void", db_constraint=False
    )
    reason = models.CharField(max_length=limits.NOTE_LENGTH)
    back_to_stock = models.BooleanField(
        default=True,
        help_text="If this is off, the tickets are gone and have left the ticket group.",
    )
    voided_by = models.CharField(max_length=200)
    voided_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.invoice} voided"
