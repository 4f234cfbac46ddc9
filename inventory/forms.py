"""Forms of the admin for ticket groups: seats as a broker writes them, and what may change when."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget, AdminTextInputWidget
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError

from inventory import seat_text, stocking
from inventory.models import TicketGroup
from inventory.seats import SplitRule

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[TicketGroup]
else:
    ModelForm = forms.ModelForm

# What a marketplace was told when it held tickets.
PLACE = ("event", "section", "row")


class SeatsField(forms.CharField):
    """Seat labels from one line of text."""

    widget = AdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return seat_text.written(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return seat_text.read(super().to_python(value) or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def run_validators(self, value: Any) -> None:
        super().run_validators(",".join(value))


class TicketGroupForm(ModelForm):
    """What both forms of a ticket group have: the split rule."""

    split_quantities = SimpleArrayField(
        forms.IntegerField(min_value=1),
        required=False,
        help_text="Of a custom split rule, with commas: 2,4",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("split_rule") != SplitRule.CUSTOM:
            cleaned["split_quantities"] = []
        elif not cleaned.get("split_quantities") and "split_quantities" not in self.errors:
            self.add_error("split_quantities", "A custom split rule lists its quantities.")
        return cleaned


class NewTicketGroupForm(TicketGroupForm):
    """Adds a group with its seats, or with a number of tickets that have none."""

    seats = SeatsField(
        required=False,
        help_text="1-8, 1-15 odd, 2-10 even, A1-A4 or 1,2,5. Empty: the tickets have no numbers.",
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        widget=AdminIntegerFieldWidget,
        help_text="Only where the tickets have no seat numbers: how many there are.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        event, broker = cleaned.get("event"), cleaned.get("broker")
        if event and broker and event.broker_id != broker.id:
            self.add_error("event", f"This event is not one of {broker}.")
        if not {"seats", "quantity"} & self.errors.keys():
            self._clean_quantity(cleaned)
        return cleaned

    def _clean_quantity(self, cleaned: dict[str, Any]) -> None:
        count, quantity = len(cleaned["seats"]), cleaned["quantity"]
        if not count and not quantity:
            self.add_error("seats", "Give the seats, or the quantity of tickets without numbers.")
        elif count and quantity and count != quantity:
            self.add_error("quantity", f"These are {count} seats. Leave the quantity empty.")
        else:
            cleaned["quantity"] = quantity or count


class ChangedTicketGroupForm(TicketGroupForm):
    """Changes what touches no claim; event, section and row only while nothing was promised."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What is changed is judged by what the user saw, not by what stands there now.
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        moved = [name for name in PLACE if name in self.changed_data]
        if moved and not stocking.locked_to_move(self.instance.pk):
            for name in moved:
                self.add_error(name, "Tickets of this group are promised where they were.")
        event = cleaned.get("event")
        if "event" in moved and event and event.broker_id != self.instance.broker_id:
            self.add_error("event", f"This event is not one of {self.instance.broker}.")
        return cleaned
