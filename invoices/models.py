"""Invoices: sales to the marketplace or by hand, and what undoes one. No row ever changes."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.db import connection, models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from holds.models import Hold, OrderException, Reason
from inventory import limits
from inventory.models import Broker

# Who buys what TEvo's calls sell (FIELD section 1).
BUYER = "Ticket Evolution"
# The exceptions that a sale itself records, in contrast to those of a call that was refused.
RECORDED_BY_A_SALE = (Reason.LATE_INVOICE, Reason.LATE_OFF_SALE, Reason.SOLD_BY_STAFF)


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Reads for look-ups and lists."""

    def of_order(self, *, broker_id: int, order_id: str) -> list["Invoice"]:
        """The invoices of a marketplace's order id, with their holds: it can have several lines.

        What staff sold elsewhere under such a reference is not the marketplace's to know. The
        holds are read in a statement of their own: PostgreSQL can choose to join them by reading
        the whole table of holds, where its statistics of one table are older than of the other.
        """
        invoices = self.filter(broker_id=broker_id, order_id=order_id)
        found = invoices.prefetch_related("hold").order_by("id")
        return [invoice for invoice in found if not invoice.hold.by_staff]

    def of_hold(self, hold: Hold) -> tuple["Invoice", str]:
        """Return the invoice of a hold that is invoiced; its hold is the given one.

        The second value is the id of the exception that the sale has recorded, or empty.
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
        """Write the invoice of a hold that has just been sold, at its price or the one given.

        In SQL: it is the hot path.
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
        names = [field.attname for field in Invoice._meta.concrete_fields if field.name != "id"]
        places = ", ".join(["%s"] * len(names))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO invoices_invoice ({', '.join(names)}) VALUES ({places})",  # noqa: S608
                [getattr(invoice, name) for name in names],
            )
        return invoice


class Invoice(models.Model):
    """A sale of one hold: to the marketplace under its order id, or by hand under a reference."""

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    order_id = models.CharField(max_length=limits.ID_LENGTH)
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="invoice")
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
                violation_error_message="The total is the price of one ticket times how many.",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class Void(models.Model):
    """Staff undid a sale: a new fact beside the invoice, which stays as it was."""

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="void")
    reason = models.CharField(max_length=limits.NOTE_LENGTH)
    back_to_stock = models.BooleanField(
        default=True, help_text="Off: the tickets are gone, and left the ticket group."
    )
    voided_by = models.CharField(max_length=200)
    voided_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.invoice} voided"
