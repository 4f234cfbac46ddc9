"""The narrow tables as Django models."""

from django.contrib.postgres.fields import ArrayField, IntegerRangeField
from django.db import models

LIVE = ("held", "invoiced")


class Broker(models.Model):
    """The owner of the tickets."""

    key_hash = models.TextField(unique=True)
    hold_lifetime = models.IntegerField()
    currency = models.TextField()

    class Meta:
        managed = False
        db_table = "broker"

    def __str__(self) -> str:
        return str(self.pk)


class TicketGroup(models.Model):
    """Seats of one row."""

    broker = models.ForeignKey(Broker, on_delete=models.PROTECT)
    remote_id = models.CharField(max_length=128)
    section = models.TextField()
    row_name = models.TextField()
    seats = ArrayField(models.TextField())
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=9, decimal_places=2)
    held = models.IntegerField(default=0)
    sold = models.IntegerField(default=0)
    entries = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = "ticket_group"

    def __str__(self) -> str:
        return self.remote_id


class Hold(models.Model):
    """A claim on seats of a group."""

    broker = models.ForeignKey(Broker, on_delete=models.PROTECT)
    global_id = models.CharField(max_length=128)
    group = models.ForeignKey(TicketGroup, on_delete=models.PROTECT, related_name="holds")
    quantity = models.IntegerField()
    positions = IntegerRangeField()
    unit_price = models.DecimalField(max_digits=9, decimal_places=2)
    state = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    order_id = models.CharField(max_length=128, null=True)  # noqa: DJ001

    class Meta:
        managed = False
        db_table = "hold"

    def __str__(self) -> str:
        return self.global_id


class LedgerEntry(models.Model):
    """One effect on a group."""

    group = models.ForeignKey(TicketGroup, on_delete=models.PROTECT)
    number = models.IntegerField()
    effect = models.TextField()
    tickets = models.IntegerField()
    global_id = models.TextField()
    held = models.IntegerField()
    sold = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger"

    def __str__(self) -> str:
        return f"{self.group_id} #{self.number}"


class Invoice(models.Model):
    """A sale of a hold."""

    order_id = models.TextField()
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT)
    quantity = models.IntegerField()
    total = models.DecimalField(max_digits=14, decimal_places=2)
    invoiced_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "invoice"

    def __str__(self) -> str:
        return self.order_id
