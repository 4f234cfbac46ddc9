"""Imports of a broker's book: what staff can look at afterwards, and rows still to be applied."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Quantities(models.TextChoices):
    """What a file's quantity counts in a group without seat numbers."""

    ALL = "all", "All tickets: held and sold ones are in it"
    FREE = "free", "Only free tickets: held and sold ones are deducted already"


class ImportState(models.TextChoices):
    """How far an import has come."""

    CHECKED = "checked", "Checked, nothing applied yet"
    CONFIRM = "confirm", "Waits for a yes"
    APPLYING = "applying", "Applied in part"
    DONE = "done", "Done"
    REFUSED = "refused", "Refused as a whole"
    DRY_RUN = "dry_run", "Looked at, nothing applied"
    SUPERSEDED = "superseded", "A newer book came first"
    LOST = "lost", "Stopped: upload the file again"


class Verdict(models.TextChoices):
    """What an import does with a row."""

    NEW = "new", "New"
    CHANGED = "changed", "Changed"
    VANISHED = "vanished", "Vanished from the book"
    REFUSED = "refused", "Refused"


PENDING = (Verdict.NEW, Verdict.CHANGED, Verdict.VANISHED)


class Import(models.Model):
    """One file, checked against the inventory as a whole, then applied in batches."""

    broker = models.ForeignKey("inventory.Broker", on_delete=models.PROTECT, related_name="imports")
    asked_by = models.CharField(max_length=200)
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=10, blank=True)
    fields = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    # Events that are new, or announced: name, venue, date, time.
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
        max_length=2000, blank=True, help_text="Why it was refused, or waits for a yes."
    )
    # When the inventory was as the file says, and what identifies the file.
    as_of = models.DateTimeField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    # Of the file's rows. They add up to all that are in it.
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    # Of the inventory's groups that a snapshot does not have.
    vanished = models.IntegerField(default=0)
    applied = models.IntegerField(default=0, help_text="Of new, changed and vanished.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_state_known",
                condition=Q(state__in=ImportState.values),
                violation_error_message="There is no such state of an import.",
            ),
            models.CheckConstraint(
                name="import_applied_within_checked",
                condition=Q(applied__gte=0, applied__lte=F("new") + F("changed") + F("vanished")),
                violation_error_message="No more rows can be applied than were checked.",
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
        """How many rows change something."""
        return self.new + self.changed + self.vanished


class ImportRowQuerySet(models.QuerySet["ImportRow"]):
    """The rows of an import by what is left to do with them."""

    def pending(self, job: Import) -> Self:
        """Of an import: checked and not yet applied."""
        return self.filter(job=job, verdict__in=PENDING)


class ImportRow(models.Model):
    """A row of a file that is still to change something, or that was refused and why.

    A row is deleted with the batch that applies it. The table has two partitions: refused rows are
    kept as anything else is; the others are unlogged, so a crash of PostgreSQL empties them.
    """

    # A foreign key of the refused rows alone: of the others it is not worth its price.
    job = models.ForeignKey(
        Import, on_delete=models.CASCADE, related_name="rows", db_index=False, db_constraint=False
    )
    line = models.IntegerField(help_text="Of the file; 0 for what vanished from it.")
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
    stride = models.SmallIntegerField(null=True)  # as these seats tell it
    quantity = models.IntegerField()
    split_rule = models.TextField()
    split_quantities = ArrayField(models.IntegerField(), default=list)
    price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    cost = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    face_value = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    stock_type = models.TextField(null=True)  # noqa: DJ001  null: the file does not say
    in_hand_on = models.DateField(null=True)
    public_notes = models.TextField(null=True)  # noqa: DJ001
    internal_notes = models.TextField(null=True)  # noqa: DJ001
    on_sale = models.BooleanField(null=True)
    growth = models.IntegerField(
        default=0, db_default=0, help_text="How many tickets of an existing group it would free."
    )

    objects = ImportRowQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]  # the index is on job, verdict and id

    def __str__(self) -> str:
        return f"{self.job}, line {self.line}"
