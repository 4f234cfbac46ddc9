"""Brokers are the tenants: each has inventory, users, API keys and policies of its own."""

from functools import cache
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q

from inventory import limits

# The condition of a unique index whose columns may change while calls go on. Every row fulfils it.
# PostgreSQL takes the columns of an index without a condition for a key that other tables could
# refer to. Every insert of a row that refers to a renamed row would then wait for the rename to be
# committed.
NEVER_A_KEY = Q(name__isnull=False)


def require_time_zone(name: str) -> None:
    """Check that PostgreSQL, which computes with the time zone, knows it.

    Raises:
        ValidationError: PostgreSQL has no time zone of that name.
    """
    if name not in time_zones():
        problem = f"There is no time zone {name!r}. Give a name such as America/New_York."
        raise ValidationError({"time_zone": problem})


@cache
def time_zones() -> frozenset[str]:
    """Return the time zones that PostgreSQL knows.

    They are read once in each process, because PostgreSQL reads a file for each of them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor)


class Broker(models.Model):
    """A tenant: the owner of an inventory, with its policies."""

    name = models.CharField(max_length=200)
    hold_lifetime = models.IntegerField(
        default=900,
        help_text="How long a hold lasts, in seconds. 15 minutes (900) is usual.",
    )
    currency = models.CharField(
        max_length=3, default="USD", help_text="The currency of all prices, as an ISO 4217 code."
    )
    time_zone = models.CharField(
        max_length=64,
        default="America/New_York",
        help_text="The time zone of new events. Each event can have another one.",
    )

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name"],
                condition=NEVER_A_KEY,
                name="broker_name_unique",
                violation_error_message="A broker of that name exists already.",
            ),
            models.CheckConstraint(
                name="broker_hold_lifetime_sane",
                condition=Q(hold_lifetime__gte=1, hold_lifetime__lte=limits.LONGEST_HOLD_LIFETIME),
                violation_error_message="A hold lasts from 1 second to 1 day "
                f"({limits.LONGEST_HOLD_LIFETIME} seconds).",
            ),
            models.CheckConstraint(
                name="broker_currency_code",
                condition=Q(currency__regex=r"^[A-Z]{3}$"),
                violation_error_message="A currency code has three capital letters, such as USD.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Check the time zone, which a database constraint cannot do.

        Raises:
            ValidationError: PostgreSQL does not know the time zone.
        """
        require_time_zone(self.time_zone)
