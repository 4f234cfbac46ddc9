"""Ticket groups: what is sold under one listing, and its constraints."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory import limits
from inventory.models.ticket_group_locks import TicketGroupLocks
from inventory.seats import STRIDES
from inventory.split_rules import SplitRule

validate_id = RegexValidator(rf"\A{limits.ID_PATTERN[1:-1]}\Z", f"{limits.ID_MEANING}.")

# The same bounds as in an imported file. For the price they are a database constraint as well.
AMOUNT = [MinValueValidator(0), MaxValueValidator(limits.HIGHEST_PRICE)]


class StockType(models.TextChoices):
    """How the tickets reach the buyer."""

    ELECTRONIC = "ELECTRONIC", "Electronic"
    HARD = "HARD", "Hard stock"
    MOBILE_TRANSFER = "MOBILE_TRANSFER", "Mobile transfer"
    MOBILE_SCREENCAP = "MOBILE_SCREENCAP", "Mobile screen capture"
    PAPERLESS = "PAPERLESS", "Paperless"
    PAPERLESS_CARD = "PAPERLESS_CARD", "Paperless card"
    FLASH = "FLASH", "Flash Seats"


class TicketGroupQuerySet(models.QuerySet["TicketGroup"]):
    """Selects ticket groups for lists and filters."""

    def sold_out(self) -> Self:
        """Return the groups of which every ticket is sold."""
        return self.filter(quantity__gt=0, sold=models.F("quantity"))

    def claimed(self) -> Self:
        """Return the groups of which some tickets are held or sold."""
        return self.exclude(held=0, sold=0)

    def with_holds(self) -> Self:
        """Return the groups of which some tickets are held now."""
        return self.filter(held__gt=0)

    def off_sale(self) -> Self:
        """Return the groups that staff took off sale or that vanished from the broker's book."""
        return self.filter(Q(on_sale=False) | Q(listed=False))

    def for_sale(self) -> Self:
        """Return the groups with free tickets that are on sale, listed and not for a past event."""
        claimed = models.F("held") + models.F("sold")
        past = Q(event__past_at__lte=Now())
        return self.filter(on_sale=True, listed=True, quantity__gt=claimed).exclude(past)


class TicketGroup(models.Model):
    """Tickets that are sold under one listing: seats of one row, or general admission.

    `held` and `sold` count the tickets of the live claims. Only services change them, always
    together with the ledger and the holds.
    """

    broker = models.ForeignKey(
        "inventory.Broker", on_delete=models.PROTECT, related_name="ticket_groups", db_index=False
    )
    remote_id = models.CharField(
        max_length=limits.ID_LENGTH,
        validators=[validate_id],
        help_text="The broker's own id of the group. The marketplace uses it in its calls.",
    )
    event = models.ForeignKey(
        "inventory.Event",
        on_delete=models.PROTECT,
        related_name="ticket_groups",
        db_constraint=False,
    )
    section = models.CharField(max_length=limits.PLACE_LENGTH)
    row = models.CharField(max_length=limits.PLACE_LENGTH)
    seats = ArrayField(
        models.CharField(max_length=limits.SEAT_LENGTH),
        default=list,
        blank=True,
        help_text="Seat labels in order. Leave empty if the tickets have no seat numbers.",
    )
    stride = models.SmallIntegerField(
        "seat spacing",
        choices=[
            (None, "As the seat numbers say"),
            (1, "Seats next to each other"),
            (2, "Every other seat (odd or even row)"),
        ],
        null=True,
        blank=True,
        help_text="Which seats of this group are neighbours. “As the seat numbers say” means every "
        "other seat if all numbers are odd or all are even.",
    )
    quantity = models.IntegerField(
        help_text="How many tickets the group has, including those held and sold."
    )
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
        models.IntegerField(),
        default=list,
        blank=True,
        help_text="The quantities that a custom split rule allows.",
    )
    price = models.DecimalField(
        max_digits=9, decimal_places=2, help_text="The asking price of one ticket."
    )
    cost = models.DecimalField(
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=AMOUNT,
        help_text="What the broker paid for one ticket.",
    )
    face_value = models.DecimalField(
        max_digits=9, decimal_places=2, null=True, blank=True, validators=AMOUNT
    )
    stock_type = models.CharField(max_length=20, choices=StockType.choices, blank=True)
    in_hand_on = models.DateField(
        "in-hand date",
        null=True,
        blank=True,
        help_text="Leave empty if the tickets are in hand now.",
    )
    public_notes = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)
    internal_notes = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)
    on_sale = models.BooleanField(default=True, help_text="Untick to take the group off sale.")
    listed = models.BooleanField(
        default=True,
        editable=False,
        help_text="Whether the broker's latest book has this group. A group that has vanished is "
        "off sale.",
    )

    held = models.IntegerField(default=0, editable=False)
    sold = models.IntegerField(default=0, editable=False)
    entries = models.IntegerField(
        default=0, editable=False, help_text="How many entries the group has in the ledger."
    )

    objects = TicketGroupLocks.from_queryset(TicketGroupQuerySet)()

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
                condition=Q(remote_id__regex=limits.ID_CHARACTERS),
                violation_error_message=f"A remote id is {limits.ID_MEANING}.",
            ),
            models.CheckConstraint(
                name="ticketgroup_claims_within_quantity",
                condition=Q(
                    held__gte=0, sold__gte=0, quantity__gte=models.F("held") + models.F("sold")
                ),
                violation_error_message="More tickets would be held and sold than the group has.",
            ),
            models.CheckConstraint(
                name="ticketgroup_seats_match_quantity",
                condition=Q(seats__len=0) | Q(seats__len=models.F("quantity")),
                violation_error_message="A group has as many seats as tickets, or no seats at all.",
            ),
            models.CheckConstraint(
                name="ticketgroup_stride_known",
                condition=Q(stride__in=STRIDES),
                violation_error_message="The numbers of neighbouring seats differ by one or two.",
            ),
            models.CheckConstraint(
                name="ticketgroup_split_quantities_custom",
                condition=Q(split_rule=SplitRule.CUSTOM.value, split_quantities__len__gt=0)
                | (~Q(split_rule=SplitRule.CUSTOM.value) & Q(split_quantities__len=0)),
                violation_error_message="A custom split rule needs quantities, and no other rule "
                "takes them.",
            ),
            models.CheckConstraint(
                name="ticketgroup_split_rule_known",
                condition=Q(split_rule__in=[rule.value for rule in SplitRule]),
                violation_error_message="This is not a split rule.",
            ),
            models.CheckConstraint(
                name="ticketgroup_stock_type_known",
                condition=Q(stock_type="") | Q(stock_type__in=StockType.values),
                violation_error_message="This is not a stock type.",
            ),
            models.CheckConstraint(
                name="ticketgroup_price_in_range",
                condition=Q(price__gte=0, price__lte=limits.HIGHEST_PRICE),
                violation_error_message=f"A price is from 0 to {limits.HIGHEST_PRICE:,}.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id}: {self.section}, row {self.row}"

    @property
    def free(self) -> int:
        """How many tickets are neither held nor sold."""
        return self.quantity - self.held - self.sold
