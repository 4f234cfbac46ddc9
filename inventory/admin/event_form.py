"""The form of an event, which protects what buyers were told from accidental changes."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from inventory.admin.forms import ChangedAsSeen, on_one_line
from inventory.book.date_cells import EARLIEST, YEARS_AHEAD
from inventory.models import Event, TicketGroup

# The fields by which buyers and later books recognise an event, and those that say when it is.
NAMED = ("name", "venue")
WHEN = ("date", "time", "time_zone")
PROMISED = (
    "Tickets of this event are held or sold. Name and venue stay as they are. A date or time that "
    "was to be announced can be entered. One that was known can only be changed if you tick below "
    "that the event was rescheduled."
)


def promised(event: Event | None) -> bool:
    """Return whether tickets of an event are held or sold. `event` may be None."""
    return event is not None and TicketGroup.objects.filter(event=event).claimed().exists()


class EventForm(ChangedAsSeen):
    """Adds or changes an event. While its tickets are held or sold, only its time can change.

    Date and time can be announced, as by a book, but the event never becomes another one. A book
    cannot say that an event was rescheduled, so staff do so here.
    """

    rescheduled = forms.BooleanField(
        required=False,
        label="It was rescheduled",
        help_text="The tickets that are held or sold become tickets for the new date or time. The "
        "next book must have the new date and time too, or it would mean another event.",
    )

    def _get_validation_exclusions(self) -> set[str]:
        # Fields that the form only shows are part of the unique constraint and must be validated.
        unseen: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return unseen - {"broker", *NAMED}

    def clean_date(self) -> date | None:
        """Return the date, or None if it is to be announced.

        Raises:
            ValidationError: the date is too early or too far ahead.
        """
        # In some time zones the first and the last day of the calendar fall outside of it, and
        # Python cannot read the moment that the database computes for them.
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
                self.add_error(name, "This cannot be changed while tickets are held or sold.")
        moved = [name for name in changed if name in WHEN and was_known(name, event)]
        if any(cleaned.get(name) != getattr(event, name) for name in moved) and not cleaned.get(
            "rescheduled"
        ):
            self.add_error(
                "rescheduled",
                f"The event is known to be on {event.when} ({event.time_zone}), and tickets are "
                "held or sold. Tick this if it has been rescheduled.",
            )


def was_known(name: str, event: Event) -> bool:
    """Return whether the field `name` of an event, such as its time, was known to buyers."""
    return event.date is not None and getattr(event, name) is not None
