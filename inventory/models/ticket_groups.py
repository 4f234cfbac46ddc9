"""Ticket groups: what is sold under one listing, the lock on it, and what must always hold."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory import limits
from inventory.seats import STRIDES, SplitRule
from inventory.transactions import short_transaction

validate_id = RegexValidator(rf"\A{limits.ID_PATTERN[1:-1]}\Z", f"{limits.ID_MEANING}.")

# The same bounds as in an imported file. For the price they are a database constraint as well.
AMOUNT = [MinValueValidator(0), MaxValueValidator(limits.HIGHEST_PRICE)]


class StockType(models.TextChoices):
    """How the tickets reach the buyer (FIELD section 6)."""

    ELECTRONIC = "ELECTRONIC", "Electronic"
    HARD = "HARD", "Hard stock"
    MOBILE_TRANSFER = "MOBILE_TRANSFER", "Mobile transfer"
    MOBILE_SCREENCAP = "MOBILE_SCREENCAP", "Mobile screen capture"
    PAPERLESS = "PAPERLESS", "Paperless"
    PAPERLESS_CARD = "PAPERLESS_CARD", "Paperless card"
    FLASH = "FLASH", "Flash Seats"


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
    """Adds the lock that every effect begins with; no other module locks ticket groups.

    Each method that gives a context opens a short transaction and locks in its first statement.
    Only the group's own columns may be decided on what that statement read: holds and the clock
    are read in a later one, because the locking statement may be as old as its wait. The methods
    raise what `short_transaction` raises.
    """

    def locked_by_id(
        self, group_id: int, *, broker_id: int | None = None
    ) -> "AbstractContextManager[TicketGroup | None]":
        """Lock a ticket group by its id, if it belongs to the broker where one is given."""
        condition = "id = %s AND (%s::bigint IS NULL OR broker_id = %s)"
        return self._locked(condition, group_id, broker_id, broker_id)

    def locked_by_remote_id(
        self, *, broker_id: int, remote_id: str
    ) -> "AbstractContextManager[TicketGroup | None]":
        """Lock the ticket group that a broker lists under a remote id."""
        return self._locked("broker_id = %s AND remote_id = %s", broker_id, remote_id)

    def locked_by_query(
        self, query: str, *parameters: Any
    ) -> "AbstractContextManager[TicketGroup | None]":
        """Lock the ticket group whose id a query selects, by facts that never change.

        The query is SQL that returns one id at most, for an app that this one does not know.
        """
        return self._locked(f"id = ({query})", *parameters)

    @contextmanager
    def _locked(self, condition: str, *parameters: Any) -> "Iterator[TicketGroup | None]":
        with short_transaction(self._locking(condition), parameters) as rows:
            yield self._from_row(rows[0]) if rows else None

    @contextmanager
    def locked_unless_busy(
        self, query: str, *parameters: Any, limit: int
    ) -> "Iterator[list[TicketGroup]]":
        """Lock up to `limit` of the groups whose ids a query selects, passing over locked ones."""
        lock = f"{self._locking(f'id = ANY (ARRAY({query}))')} SKIP LOCKED LIMIT %s"
        with short_transaction(lock, (*parameters, limit)) as rows:
            yield [self._from_row(row) for row in rows]

    def lock(self, group_id: int) -> "TicketGroup":
        """Lock a group until the open transaction of a form ends; return it as it is then.

        Raises OperationalError where somebody else keeps it locked for too long.
        """
        group: TicketGroup = self.select_for_update(no_key=True).get(id=group_id)
        return group

    def lock_unless_busy(self, group_ids: Iterable[int]) -> set[int]:
        """Lock groups in the open transaction; return the ids of those nobody else has locked."""
        free = self.filter(id__in=list(group_ids)).order_by("id")
        locked = free.select_for_update(no_key=True, skip_locked=True)
        return set(locked.values_list("id", flat=True))

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
        "inventory.Broker", on_delete=models.PROTECT, related_name="ticket_groups", db_index=False
    )
    remote_id = models.CharField(
        max_length=limits.ID_LENGTH,
        validators=[validate_id],
        help_text="The broker's own id of the group; the marketplace asks for it by this.",
    )
    event = models.ForeignKey(
        "inventory.Event", on_delete=models.PROTECT, related_name="ticket_groups"
    )
    section = models.CharField(max_length=100)
    row = models.CharField(max_length=100)
    seats = ArrayField(
        models.CharField(max_length=limits.SEAT_LENGTH),
        default=list,
        blank=True,
        help_text="Seat labels in order; empty where tickets have no seat numbers.",
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
        help_text="Which seats of this group are neighbours. As the numbers say means every other "
        "seat where all numbers are odd or all are even.",
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
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=AMOUNT,
        help_text="Paid for one ticket.",
    )
    face_value = models.DecimalField(
        max_digits=9, decimal_places=2, null=True, blank=True, validators=AMOUNT
    )
    stock_type = models.CharField(max_length=20, choices=StockType.choices, blank=True)
    in_hand_on = models.DateField(
        "in-hand date", null=True, blank=True, help_text="Empty: in hand now."
    )
    public_notes = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)
    internal_notes = models.CharField(max_length=limits.NOTE_LENGTH, blank=True)
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
                condition=Q(remote_id__regex=limits.ID_CHARACTERS),
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
                name="ticketgroup_stride_known",
                condition=Q(stride__in=STRIDES),
                violation_error_message="Neighbours are one number apart, or two.",
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
                condition=Q(price__gte=0, price__lte=limits.HIGHEST_PRICE),
                violation_error_message="A price is from 0 to 1,000,000.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id}: {self.section}, row {self.row}"

    @property
    def free(self) -> int:
        """Tickets that nobody has claimed."""
        return self.quantity - self.held - self.sold
