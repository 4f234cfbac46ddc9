"""Holds: claims on tickets of a group, made by a marketplace's hold call or by staff."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, IntegerRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory import limits
from inventory.models import Broker, Event, TicketGroup

# The global ids of holds by staff begin with this. No call can use one, because the ids of the
# contract (/docs/contract/) have no slash.
STAFF_PREFIX = "staff/"


class State(models.TextChoices):
    """The state of a hold. No hold ever returns to the state held."""

    HELD = "held", "Held"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"
    INVOICED = "invoiced", "Invoiced"
    VOIDED = "voided", "Voided"


# The states in which a hold claims its tickets.
LIVE = (State.HELD.value, State.INVOICED.value)


class HoldQuerySet(models.QuerySet["Hold"]):
    """Queries for look-ups and lists."""

    def named(self, broker_id: int, global_id: str) -> Self:
        """Filter for the hold with a global id of a broker."""
        return self.filter(broker_id=broker_id, global_id=global_id)

    def live(self) -> Self:
        """Filter for the holds that claim their tickets: those held or invoiced."""
        return self.filter(state__in=LIVE)

    def overdue(self) -> Self:
        """Filter for the held holds that are past their time by the database's clock."""
        return self.filter(state=State.HELD, expires_at__lte=Now())

    def overdue_of(self, group_ids: Iterable[int], now: datetime) -> Self:
        """Filter for the holds of locked groups that are overdue at `now`, the longest first."""
        overdue = self.filter(group_id__in=group_ids, state=State.HELD, expires_at__lte=now)
        return overdue.order_by("expires_at", "id")


class Length(models.Func):
    """The number of positions in a range, or 0 if the range is empty or has no bounds."""

    template = "coalesce(upper(%(expressions)s) - lower(%(expressions)s), 0)"
    output_field = models.IntegerField()


class Hold(models.Model):
    """Tickets of a group that are set aside until a time, and are then sold or free again.

    A sale is a hold that is invoiced: the same row goes on claiming the same seats. What the
    marketplace was told (event, section, row, seats and price) never changes. A *tombstone* is the
    record of a release that came before its hold: it is released, and has no tickets and no group.
    """

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="holds", db_index=False
    )
    global_id = models.CharField(max_length=limits.ID_LENGTH)
    group = models.ForeignKey(
        TicketGroup,
        on_delete=models.PROTECT,
        null=True,
        related_name="holds",
        db_index=False,
        db_constraint=False,
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        null=True,
        related_name="holds",
        db_index=False,
        db_constraint=False,
    )
    remote_id = models.CharField(max_length=limits.ID_LENGTH, null=True)  # noqa: DJ001  a tombstone has none
    quantity = models.IntegerField()
    positions = IntegerRangeField(null=True)
    section = models.CharField(max_length=100, null=True)  # noqa: DJ001
    row = models.CharField(max_length=100, null=True)  # noqa: DJ001
    seats = ArrayField(models.CharField(max_length=limits.SEAT_LENGTH), default=list)
    unit_price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=State.choices)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    order_id = models.CharField(max_length=limits.ID_LENGTH, null=True)  # noqa: DJ001  none until invoiced
    customer = models.CharField(
        max_length=200, blank=True, help_text="The person for whom staff hold the tickets."
    )
    note = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # For the foreign key, and to find the overdue holds of a group among its sales.
            models.Index(fields=["group", "state", "expires_at"], name="hold_of_group"),
            # For the sweep. Only live holds are in it, so that it stays small.
            models.Index(
                fields=["expires_at"], condition=Q(state="held"), name="hold_held_expires_at"
            ),
            # An invoice call asks whether staff have sold tickets under its order id. Only the
            # holds of staff are in the index, so that it costs a marketplace's hold nothing.
            models.Index(
                fields=["broker", "order_id"],
                condition=Q(global_id__startswith=STAFF_PREFIX),
                name="hold_of_staff_order_id",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["broker", "global_id"],
                name="hold_global_id_unique",
                violation_error_message="This broker has a hold with that global id.",
            ),
            ExclusionConstraint(
                name="hold_seats_claimed_once",
                expressions=[
                    ("broker", RangeOperators.EQUAL),
                    ("group", RangeOperators.EQUAL),
                    ("positions", RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=LIVE),
                violation_error_message="A seat can have only one live hold or sale.",
            ),
            models.CheckConstraint(
                name="hold_global_id_printable",
                condition=Q(global_id__regex=limits.ID_CHARACTERS)
                | Q(global_id__regex=f"^{STAFF_PREFIX}[0-9a-f]{{16}}$"),
                violation_error_message="A global id is 1 to 128 printable ASCII characters "
                "with no space and no slash.",
            ),
            models.CheckConstraint(
                name="hold_customer_of_staff",
                condition=Q(customer="", note="") | Q(global_id__startswith=STAFF_PREFIX),
                violation_error_message="Only a hold by staff has a customer and a note.",
            ),
            models.CheckConstraint(
                name="hold_state_known",
                condition=Q(state__in=State.values),
                violation_error_message="There is no such state of a hold.",
            ),
            models.CheckConstraint(
                name="hold_tombstone_holds_nothing",
                condition=Q(
                    group__isnull=False,
                    event__isnull=False,
                    remote_id__isnull=False,
                    section__isnull=False,
                    row__isnull=False,
                    unit_price__isnull=False,
                    expires_at__isnull=False,
                    quantity__gt=0,
                )
                | Q(
                    group__isnull=True,
                    event__isnull=True,
                    remote_id__isnull=True,
                    expires_at__isnull=True,
                    quantity=0,
                    seats__len=0,
                    state="released",
                ),
                violation_error_message="Only a release that came before its hold has no tickets.",
            ),
            models.CheckConstraint(
                name="hold_seats_match_quantity",
                condition=Q(seats__len=0) | Q(seats__len=models.F("quantity")),
                violation_error_message="A hold has as many seats as tickets, or none.",
            ),
            models.CheckConstraint(
                name="hold_positions_while_live",
                condition=(
                    Q(state__in=LIVE, seats__len__gt=0, positions__isnull=False)
                    & Q(quantity=Length("positions"))
                )
                | (~(Q(state__in=LIVE) & Q(seats__len__gt=0)) & Q(positions__isnull=True)),
                violation_error_message="Only a live hold of numbered seats has positions, and it "
                "has as many positions as tickets.",
            ),
            models.CheckConstraint(
                name="hold_order_id_when_sold",
                condition=Q(state__in=["invoiced", "voided"], order_id__isnull=False)
                | (~Q(state__in=["invoiced", "voided"]) & Q(order_id__isnull=True)),
                violation_error_message="A hold has an order id once it is invoiced, not before.",
            ),
            models.CheckConstraint(
                name="hold_expires_after_creation",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=models.F("created_at")),
                violation_error_message="A hold must expire later than it was made.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.global_id} for {self.customer}" if self.customer else self.global_id

    @property
    def total(self) -> Decimal | None:
        """The price of all tickets of the hold, or None for a tombstone."""
        return None if self.unit_price is None else self.unit_price * self.quantity

    @property
    def price_currency(self) -> str | None:
        """The currency of the price, or None for a tombstone, which has no price."""
        return None if self.unit_price is None else self.currency

    @property
    def by_staff(self) -> bool:
        """Whether staff made the hold, and not a call of the marketplace."""
        return self.global_id.startswith(STAFF_PREFIX)

    @property
    def range(self) -> range:
        """The positions of a live hold of numbered seats. It is empty for any other hold."""
        return range(self.positions.lower, self.positions.upper) if self.positions else range(0)
