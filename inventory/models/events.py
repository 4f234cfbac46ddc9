"""Events: what the tickets are for, where it takes place, and when."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from inventory import limits
from inventory.models.brokers import NEVER_A_KEY, Broker, require_time_zone


class PastAt(models.Func):
    """The moment from which an event is past.

    This is its start, or the end of its day if the time is to be announced. An event whose date is
    to be announced is never past. PostgreSQL computes the moment, so that calls, filters and
    reports cannot differ.
    """

    template = (
        "CASE WHEN time IS NULL THEN timezone(time_zone, (date + 1)::timestamp)"
        " ELSE timezone(time_zone, date + time) END"
    )
    output_field = models.DateTimeField()


class EventManager(models.Manager["Event"]):
    """Adds the lock that the admin's form takes."""

    def lock(self, event_id: int) -> "Event":
        """Lock an event until the open transaction ends, and return it as read under the lock.

        Hold calls are not blocked, since they read neither the name nor the venue.

        Raises:
            Event.DoesNotExist: there is no event with that id.
            OperationalError: another transaction kept the event locked for too long.
        """
        return self.select_for_update(no_key=True).get(id=event_id)


class Event(models.Model):
    """A show at a venue.

    Date and time are local to the venue. An empty one is to be announced.
    """

    broker = models.ForeignKey(
        Broker, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    name = models.CharField(max_length=limits.NAME_LENGTH)
    venue = models.CharField(max_length=limits.NAME_LENGTH)
    date = models.DateField(
        null=True, blank=True, help_text="Leave empty if it is to be announced."
    )
    time = models.TimeField(
        null=True, blank=True, help_text="Leave empty if it is to be announced."
    )
    time_zone = models.CharField(max_length=64, default="America/New_York")
    past_at = models.GeneratedField(
        expression=PastAt(), output_field=models.DateTimeField(null=True), db_persist=True
    )

    objects = EventManager()

    class Meta:
        ordering: ClassVar = ["date", "time", "name"]
        # Named here so that it is made before the primary key; see the migration.
        indexes: ClassVar = [models.Index(fields=["broker"], name="event_of_broker")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["broker", "name", "venue", "date", "time"],
                condition=NEVER_A_KEY,
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
        """Check the time zone, which a database constraint cannot do.

        Raises:
            ValidationError: PostgreSQL does not know the time zone.
        """
        require_time_zone(self.time_zone)

    @property
    def when(self) -> str:
        """The date and time as a broker reads them, with TBA for what is to be announced."""
        if self.date is None:
            return "TBA"
        day = f"{self.date:%a %b} {self.date.day}, {self.date.year}"
        if self.time is None:
            return f"{day}, TBA"
        return f"{day}, {self.time:%I:%M %p}".replace(" 0", " ")
