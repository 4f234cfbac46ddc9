"""Brokers: the tenants, each with inventory, users, keys and policies of its own."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q

# The condition of a unique index whose columns may change while calls go on. It is true of every
# row. Without a condition PostgreSQL takes the columns for a key that other tables could refer to,
# and every insert of a row that refers to the renamed one waits until the rename is committed.
NEVER_A_KEY = Q(name__isnull=False)


def require_time_zone(name: str) -> None:
    """Raise ValidationError unless PostgreSQL, which computes with it, knows the time zone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %s)", (name,))
        if not cursor.fetchone()[0]:
            problem = f"There is no time zone {name!r}; they are named as America/New_York is."
            raise ValidationError({"time_zone": problem})


class Broker(models.Model):
    """The tenant: whose inventory it is, and the policies that go with it."""

    name = models.CharField(max_length=200)
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
            models.UniqueConstraint(
                fields=["name"],
                condition=NEVER_A_KEY,
                name="broker_name_unique",
                violation_error_message="There is a broker of that name.",
            ),
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
