"""The form of an event: what buyers were told does not change by accident."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from inventory.admin.forms import ChangedAsSeen, on_one_line
from inventory.book.dates import EARLIEST, YEARS_AHEAD
from inventory.models import Event, TicketGroup

# Which event it is, for buyers and for the books to come; and when it is.
NAMED = ("name", "venue")
WHEN = ("date", "time", "time_zone")
PROMISED = (
    "Tickets of this event are held or sold. Name and venue stay as they are. A date or time that "
    "was to be announced may be given; one that was known changes only if you say so below."
)


def promised(event: Event | None) -> bool:
    """Whether tickets of an event are held or sold."""
    return event is not None and TicketGroup.objects.filter(event=event).claimed().exists()


class EventForm(ChangedAsSeen):
    """Adds an event, or changes it: while tickets are held or sold, only when it is.

    As with a book: an event may be announced, and never becomes another one. That it was
    rescheduled no book can say, so a person does.
    """

    rescheduled = forms.BooleanField(
        required=False,
        label="It was rescheduled",
        help_text="The tickets that are held or sold are for the new date or time. The next book "
        "must have it, too: by another date it would mean another event.",
    )

    def _get_validation_exclusions(self) -> set[str]:
        # What the form only shows is part of which event it is: there must be no other such.
        unseen: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return unseen - {"broker", *NAMED}

    def clean_date(self) -> date | None:
        # In some time zone the first and the last day of the calendar are outside of it, and what
        # the database then says of them cannot be read.
        day: date | None = self.cleaned_data["date"]
        latest = timezone.localdate().year + YEARS_AHEAD
        if day and not EARLIEST <= day.year <= latest:
            raise ValidationError(f"Give a date from {EARLIEST} to {latest}.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        on_one_line(cleaned, *NAMED)
        if self.instance.pk:
            self._clean_promised(Event.objects.lock(self.instance.pk), cleaned)
        return cleaned

    def _clean_promised(self, event: Event, cleaned: dict[str, Any]) -> None:
        changed = [name for name in self.changed_data if name in (*NAMED, *WHEN)]
        if not changed or not promised(event):
            return
        for name in changed:
            if name in NAMED:
                self.add_error(name, "Tickets are held or sold: it stays as it is.")
        moved = [name for name in changed if name in WHEN and was_known(name, event)]
        if any(cleaned.get(name) != getattr(event, name) for name in moved) and not cleaned.get(
            "rescheduled"
        ):
            self.add_error(
                "rescheduled",
                f"It is known to be on {event.when} ({event.time_zone}), and tickets are held or "
                "sold. Tick this if it has been rescheduled.",
            )


def was_known(name: str, event: Event) -> bool:
    """Whether buyers could know the date, time or time zone of an event."""
    return event.date is not None and getattr(event, name) is not None
