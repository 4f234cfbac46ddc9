"""What a broker has: brokers, events and ticket groups."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.imports import Import, ImportRow
from inventory.ledger import Caller, Effect, LedgerEntry
from inventory.seats import SplitRule
from inventory.transactions import short_transaction

__all__ = [
    "Broker",
    "Caller",
    "Effect",
    "Event",
    "Import",
    "ImportRow",
    "LedgerEntry",
    "StockType",
    "TicketGroup",
]

# The ids of the contract: printable ASCII with no space and no slash.
WIRE_ID = r"^[!-.0-~]{1,128}$"
validate_wire_id = RegexValidator(
    r"\A[!-.0-~]{1,128}\Z",
    "1 to 128 printable ASCII characters with no space and no slash.",
)


def require_time_zone(name: str) -> None:
    """Raise ValidationError unless PostgreSQL, which computes with it, knows the time zone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %s)", (name,))
        if not cursor.fetchone()[0]:
            problem = f"There is no time zone {name!r}; they are named as America/New_York is."
            raise ValidationError({"time_zone": problem})


class StockType(models.TextChoices):
    """How the tickets reach the buyer (FIELD section 6)."""

    ELECTRONIC = "ELECTRONIC", "Electronic"
    HARD = "HARD", "Hard stock"
    MOBILE_TRANSFER = "MOBILE_TRANSFER", "Mobile transfer"
    MOBILE_SCREENCAP = "MOBILE_SCREENCAP", "Mobile screen capture"
    PAPERLESS = "PAPERLESS", "Paperless"
    PAPERLESS_CARD = "PAPERLESS_CARD", "Paperless card"
    FLASH = "FLASH", "Flash Seats"


class Broker(models.Model):
    """The tenant: whose inventory it is, and the policies that go with it."""

    name = models.CharField(max_length=200, unique=True)
    hold_lifetime = models.IntegerField(
        default=900,
        help_text="Seconds until a hold is overdue. The field's middle is 15 minutes.",
    )
    currency = models.CharField(max_length=3, default="USD", help_text="Of all prices, ISO 4217.")
    time_zone = models.CharField(
        max_length=64,
        default="America/New_York",
        help_text="Where a file's dates and times are read, unless the event says otherwise.",
    )

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="broker_hold_lifetime_sane",
                condition=Q(hold_lifetime__gte=1, hold_lifetime__lte=86_400),
                violation_error_message="A hold lives from 1 second to 1 day (86400 seconds).",
            ),
            models.CheckConstraint(
                name="broker_currency_code",
                condition=Q(currency__regex=r"^[A-Z]{3}$"),
                violation_error_message="A currency is three capital letters, such as USD.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        require_time_zone(self.time_zone)


class PastAt(models.Func):
    """When an event is past: at its start, or at the end of its day where the time is open.

    An event whose date is to be announced is never past. Computed by PostgreSQL, so that calls,
    filters and reports cannot differ.
    """

    template = (
        "CASE WHEN time IS NULL THEN timezone(time_zone, (date + 1)::timestamp)"
        " ELSE timezone(time_zone, date + time) END"
    )
    output_field = models.DateTimeField()


class Event(models.Model):
    """A show at a venue. Date and time are the venue's own; empty means to be announced."""

    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, related_name="events")
    name = models.CharField(max_length=300)
    venue = models.CharField(max_length=300)
    date = models.DateField(null=True, blank=True, help_text="Empty: to be announced.")
    time = models.TimeField(null=True, blank=True, help_text="Empty: to be announced.")
    time_zone = models.CharField(max_length=64, default="America/New_York")
    past_at = models.GeneratedField(
        expression=PastAt(), output_field=models.DateTimeField(null=True), db_persist=True
    )

    class Meta:
        ordering: ClassVar = ["date", "time", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["broker", "name", "venue", "date", "time"],
                nulls_distinct=False,
                name="event_unique",
                violation_error_message="This broker has that event already.",
            ),
            models.CheckConstraint(
                name="event_time_needs_date",
                condition=Q(time__isnull=True) | Q(date__isnull=False),
                violation_error_message="An event with a time needs a date.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.when}"

    def clean(self) -> None:
        require_time_zone(self.time_zone)

    @property
    def when(self) -> str:
        """Date and time as a broker reads them, TBA for what is to be announced."""
        if self.date is None:
            return "TBA"
        day = f"{self.date:%a %b} {self.date.day}, {self.date.year}"
        if self.time is None:
            return f"{day}, TBA"
        return f"{day}, {self.time:%I:%M %p}".replace(" 0", " ")


class TicketGroupQuerySet(models.QuerySet["TicketGroup"]):
    """Reads for lists, and the lock and the bookkeeping that every effect goes through."""

    def sold_out(self) -> Self:
        """Every ticket is sold."""
        return self.filter(quantity__gt=0, sold=models.F("quantity"))

    def claimed(self) -> Self:
        """Some tickets are held or sold."""
        return self.exclude(held=0, sold=0)

    def with_holds(self) -> Self:
        """Some tickets are held now."""
        return self.filter(held__gt=0)

    def off_sale(self) -> Self:
        """Taken off sale by hand, or vanished from the broker's book."""
        return self.filter(Q(on_sale=False) | Q(listed=False))

    def for_sale(self) -> Self:
        """On sale and listed, with free tickets, for an event that is not past."""
        claimed = models.F("held") + models.F("sold")
        past = Q(event__past_at__lte=Now())
        return self.filter(on_sale=True, listed=True, quantity__gt=claimed).exclude(past)


class TicketGroupManager(models.Manager.from_queryset(TicketGroupQuerySet)):  # type: ignore[misc]
    """Adds the lock that every effect begins with."""

    @contextmanager
    def locked(self, condition: str, *parameters: Any) -> "Iterator[TicketGroup | None]":
        """A short transaction that has locked one ticket group, given as it is then.

        `condition` is SQL on inventory_ticketgroup that picks at most one row by facts that never
        change. Nothing but the group's own columns may be decided on what this statement saw:
        holds and the clock are read in the next one. Raises what `short_transaction` raises.
        """
        with short_transaction(self._locking(condition), parameters) as rows:
            yield self._from_row(rows[0]) if rows else None

    @contextmanager
    def locked_unless_busy(self, condition: str, *, limit: int) -> "Iterator[list[TicketGroup]]":
        """The same for up to `limit` groups, passing over those that somebody else has locked."""
        lock = f"{self._locking(condition)} SKIP LOCKED LIMIT %s"
        with short_transaction(lock, (limit,)) as rows:
            yield [self._from_row(row) for row in rows]

    @staticmethod
    def _locking(condition: str) -> str:
        # NO KEY, so that rows that refer to the group can be inserted meanwhile. By hand: the ORM
        # needs several times the CPU for the same statement.
        columns = ", ".join(field.column for field in TicketGroup._meta.concrete_fields)
        return (
            f"SELECT {columns} FROM inventory_ticketgroup"  # noqa: S608  no outside text in it
            f" WHERE {condition} FOR NO KEY UPDATE"
        )

    @staticmethod
    def _from_row(row: tuple[Any, ...]) -> "TicketGroup":
        fields = [field.attname for field in TicketGroup._meta.concrete_fields]
        return TicketGroup.from_db("default", fields, row)


class TicketGroup(models.Model):
    """Tickets that are sold under one listing: seats of one row, or general admission.

    `held` and `sold` are counters of the live claims. They, the ledger and the holds change
    together, through services alone.
    """

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="ticket_groups", db_index=False
    )
    remote_id = models.CharField(
        max_length=128,
        validators=[validate_wire_id],
        help_text="The broker's own id of the group; the marketplace asks for it by this.",
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="ticket_groups")
    section = models.CharField(max_length=100)
    row = models.CharField(max_length=100)
    seats = ArrayField(
        models.CharField(max_length=16),
        default=list,
        blank=True,
        help_text="Seat labels in order; empty where tickets have no seat numbers.",
    )
    quantity = models.IntegerField(help_text="All tickets of the group: free, held and sold.")
    split_rule = models.CharField(
        max_length=16,
        choices=[
            (SplitRule.ANY.value, "Any"),
            (SplitRule.NONE.value, "None (all together)"),
            (SplitRule.NEVER_LEAVE_ONE.value, "Never leave one"),
            (SplitRule.PAIRS.value, "Pairs"),
            (SplitRule.CUSTOM.value, "Custom"),
        ],
        default=SplitRule.ANY.value,
    )
    split_quantities = ArrayField(
        models.IntegerField(), default=list, blank=True, help_text="Of a custom split rule."
    )
    price = models.DecimalField(
        max_digits=9, decimal_places=2, help_text="Asking price of one ticket."
    )
    cost = models.DecimalField(
        max_digits=9, decimal_places=2, null=True, blank=True, help_text="Paid for one ticket."
    )
    face_value = models.DecimalField(max_digits=9, decimal_places=2, null=True, blank=True)
    stock_type = models.CharField(max_length=20, choices=StockType.choices, blank=True)
    in_hand_on = models.DateField(
        "in-hand date", null=True, blank=True, help_text="Empty: in hand now."
    )
    public_notes = models.CharField(max_length=1000, blank=True)
    internal_notes = models.CharField(max_length=1000, blank=True)
    on_sale = models.BooleanField(default=True, help_text="Off: you took it off sale yourself.")
    listed = models.BooleanField(
        default=True,
        editable=False,
        help_text="Whether the broker's latest book has it. What has vanished is off sale.",
    )

    held = models.IntegerField(default=0, editable=False)
    sold = models.IntegerField(default=0, editable=False)
    entries = models.IntegerField(default=0, editable=False, help_text="Rows in the ledger.")

    objects = TicketGroupManager()

    class Meta:
        ordering: ClassVar = ["event", "section", "row", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["broker", "remote_id"],
                name="ticketgroup_remote_id_unique",
                violation_error_message="This broker has a ticket group with that remote id.",
            ),
            models.CheckConstraint(
                name="ticketgroup_remote_id_printable",
                # The column's length is 128. Asked here, it would cost ten times the rest.
                condition=Q(remote_id__regex=WIRE_ID.replace("{1,128}", "+")),
                violation_error_message="A remote id is 1 to 128 printable ASCII characters "
                "with no space and no slash.",
            ),
            models.CheckConstraint(
                name="ticketgroup_held_not_negative",
                condition=Q(held__gte=0),
                violation_error_message="Fewer than no tickets cannot be held.",
            ),
            models.CheckConstraint(
                name="ticketgroup_sold_not_negative",
                condition=Q(sold__gte=0),
                violation_error_message="Fewer than no tickets cannot be sold.",
            ),
            models.CheckConstraint(
                name="ticketgroup_claims_within_quantity",
                condition=Q(quantity__gte=models.F("held") + models.F("sold")),
                violation_error_message="More tickets would be held and sold than there are.",
            ),
            models.CheckConstraint(
                name="ticketgroup_seats_match_quantity",
                condition=Q(seats__len=0) | Q(seats__len=models.F("quantity")),
                violation_error_message="There must be as many seats as tickets, or none.",
            ),
            models.CheckConstraint(
                name="ticketgroup_split_quantities_custom",
                condition=Q(split_rule=SplitRule.CUSTOM.value, split_quantities__len__gt=0)
                | (~Q(split_rule=SplitRule.CUSTOM.value) & Q(split_quantities__len=0)),
                violation_error_message="A custom split rule, and no other, lists quantities.",
            ),
            models.CheckConstraint(
                name="ticketgroup_split_rule_known",
                condition=Q(split_rule__in=[rule.value for rule in SplitRule]),
                violation_error_message="There is no such split rule.",
            ),
            models.CheckConstraint(
                name="ticketgroup_stock_type_known",
                condition=Q(stock_type="") | Q(stock_type__in=StockType.values),
                violation_error_message="There is no such stock type.",
            ),
            models.CheckConstraint(
                name="ticketgroup_price_in_range",
                condition=Q(price__gte=0, price__lte=1_000_000),
                violation_error_message="A price is from 0 to 1,000,000.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id}: {self.section}, row {self.row}"

    @property
    def free(self) -> int:
        """Tickets that nobody has claimed."""
        return self.quantity - self.held - self.sold
