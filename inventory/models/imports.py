"""Imports of a broker's book: a record for staff, and the rows still to be applied."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Quantities(models.TextChoices):
    """Which tickets a file's quantity counts in a group without seat numbers."""

    ALL = "all", "All tickets, including those held and sold"
    FREE = "free", "Only free tickets, without those held and sold"


class ImportState(models.TextChoices):
    """How far an import has got."""

    CHECKED = "checked", "Checked, nothing applied yet"
    CONFIRM = "confirm", "Waiting for confirmation"
    APPLYING = "applying", "Partly applied"
    DONE = "done", "Done"
    REFUSED = "refused", "Refused as a whole"
    DRY_RUN = "dry_run", "Preview only; nothing is applied"
    SUPERSEDED = "superseded", "Superseded by a newer book"
    LOST = "lost", "Interrupted; upload the file again"


class Verdict(models.TextChoices):
    """What an import does with a row."""

    NEW = "new", "New"
    CHANGED = "changed", "Changed"
    VANISHED = "vanished", "Vanished from the book"
    REFUSED = "refused", "Refused"


PENDING = (Verdict.NEW, Verdict.CHANGED, Verdict.VANISHED)


class Import(models.Model):
    """The import of one file, which is checked as a whole and then applied in batches."""

    broker = models.ForeignKey(
        "inventory.Broker", on_delete=models.PROTECT, related_name="imports", db_index=False
    )
    asked_by = models.CharField(max_length=200)
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=10, blank=True)
    fields = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    # The new events and those whose date or time the file announces: name, venue, date, time.
    events = models.JSONField(default=list, blank=True)
    headers = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    ignored = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    not_kept = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    snapshot = models.BooleanField(default=False)
    strict = models.BooleanField("all or nothing", default=False)
    quantities = models.CharField(
        max_length=4, choices=Quantities.choices, default=Quantities.ALL.value
    )
    state = models.CharField(max_length=10, choices=ImportState.choices)
    problem = models.CharField(
        max_length=2000, blank=True, help_text="Why the import was refused or needs confirmation."
    )
    # The moment at which the inventory was as the file says, and the hash that identifies the file.
    as_of = models.DateTimeField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    # How many rows of the file there are of each kind. Together they are all rows of the file.
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    # How many groups of the inventory a snapshot does not have.
    vanished = models.IntegerField(default=0)
    applied = models.IntegerField(
        default=0, help_text="How many new, changed and vanished rows are applied."
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        # Named here so that it is made before the primary key; see the migration.
        indexes: ClassVar = [models.Index(fields=["broker"], name="import_of_broker")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_state_known",
                condition=Q(state__in=ImportState.values),
                violation_error_message="This is not a state of an import.",
            ),
            models.CheckConstraint(
                name="import_applied_within_checked",
                condition=Q(applied__gte=0, applied__lte=F("new") + F("changed") + F("vanished")),
                violation_error_message="More rows would be applied than were checked.",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def rows_read(self) -> int:
        """How many rows the file has."""
        return self.new + self.changed + self.unchanged + self.refused

    @property
    def to_apply(self) -> int:
        """How many rows change the inventory."""
        return self.new + self.changed + self.vanished

    def count_batch(self, *, applied: int, refused: int, of: str) -> None:
        """Add what a batch has done to the stored counts.

        Rows that were refused are no longer counted as `of`: new, changed or vanished.
        """
        Import.objects.filter(id=self.id).update(
            applied=F("applied") + applied, refused=F("refused") + refused, **{of: F(of) - refused}
        )


class ImportRowQuerySet(models.QuerySet["ImportRow"]):
    """Selects the rows of an import by what is left to be done with them."""

    def pending(self, job: Import) -> Self:
        """Return the rows of an import that are checked and not yet applied."""
        return self.filter(job=job, verdict__in=PENDING)


class ImportRow(models.Model):
    """A row of a file that is still to be applied, or that was refused and why.

    The batch that applies a row deletes it. The table has two partitions. Refused rows are stored
    like any other data. The others are unlogged, so a crash of PostgreSQL empties them.
    """

    # The broker of the import, because every key of a broker's table contains the broker.
    broker = models.ForeignKey(
        "inventory.Broker",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Only the partition of refused rows has the foreign key. For the other rows, which do not last,
    # checking it would cost more than it is worth.
    job = models.ForeignKey(
        Import, on_delete=models.CASCADE, related_name="rows", db_index=False, db_constraint=False
    )
    line = models.IntegerField(
        help_text="The line of the file, or 0 for a group that vanished from it."
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    cells = ArrayField(models.TextField(), default=list)
    problems = ArrayField(models.TextField(), default=list)
    group_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField(null=True)
    remote_id = models.TextField()
    event_name = models.TextField()
    venue = models.TextField()
    date = models.DateField(null=True)
    time = models.TimeField(null=True)
    section = models.TextField()
    row = models.TextField()
    seats = ArrayField(models.TextField(), default=list)
    stride = models.SmallIntegerField(null=True)  # as these seats imply
    quantity = models.IntegerField()
    split_rule = models.TextField()
    split_quantities = ArrayField(models.IntegerField(), default=list)
    price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    cost = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    face_value = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    stock_type = models.TextField(null=True)  # noqa: DJ001  null if the file does not say
    in_hand_on = models.DateField(null=True)
    public_notes = models.TextField(null=True)  # noqa: DJ001
    internal_notes = models.TextField(null=True)  # noqa: DJ001
    on_sale = models.BooleanField(null=True)
    growth = models.IntegerField(
        default=0,
        db_default=0,
        help_text="How many tickets of an existing group this row would free.",
    )

    objects = ImportRowQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]  # the index is on job, verdict, id and broker

    def __str__(self) -> str:
        return f"{self.job}, line {self.line}"
