"""Forms of the admin for what a broker has: seats as a broker writes them, and what may change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget, AdminTextInputWidget
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError

from inventory import limits, seat_text
from inventory.limits import MOST_TICKETS
from inventory.models import TicketGroup
from inventory.models.ticket_groups import validate_id
from inventory.prices import PriceChange
from inventory.seats import NEXT_TO_EACH_OTHER, ODD_OR_EVEN, SplitRule, stride_of

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[TicketGroup]
    AnyModelForm = forms.ModelForm[Any]
else:
    ModelForm = AnyModelForm = forms.ModelForm


class ChangedAsSeen(AnyModelForm):
    """Judges what a user has changed by what the page showed, not by what the row has now.

    The page carries what each field was when it was opened. Together with a `save_model` that
    writes only `changed_data`, a form that was opened before somebody else saved the same row
    keeps what they changed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for field in self.fields.values():
                # A disabled field cannot change, and a page must not show a password's hash.
                field.show_hidden_initial = not field.disabled


def on_one_line(cleaned: dict[str, Any], *names: str) -> None:
    """Make single spaces of odd ones in these texts, as where a book is read: a look-alike would
    be another event, section or row."""
    for name in names:
        if (text := cleaned.get(name)) and not text.isprintable():
            cleaned[name] = " ".join(text.split())


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
    """What adding and changing a ticket group have in common: its stock and its split rule."""

    seats = SeatsField(
        required=False,
        help_text="1-8, 1-15 odd, 2-10 even, A1-A4 or 1,2,5. Empty: the tickets have no numbers.",
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TICKETS,
        widget=AdminIntegerFieldWidget,
        help_text="Only where the tickets have no seat numbers: how many there are, those that "
        "are held or sold among them.",
    )
    split_quantities = SimpleArrayField(
        forms.IntegerField(min_value=1),
        required=False,
        help_text="Of a custom split rule, with commas: 2,4",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        on_one_line(cleaned, "section", "row")
        cleaned["split_quantities"] = sorted({*(cleaned.get("split_quantities") or ())})
        if cleaned.get("split_rule") != SplitRule.CUSTOM:
            cleaned["split_quantities"] = []
        elif not cleaned.get("split_quantities") and "split_quantities" not in self.errors:
            self.add_error("split_quantities", "A custom split rule lists its quantities.")
        broker = cleaned.get("broker") or getattr(self.instance, "broker", None)
        if broker and "event" in cleaned and cleaned["event"].broker_id != broker.id:
            self.add_error("event", f"This event is not one of {broker}.")
        return cleaned

    def clean_stock(self, cleaned: dict[str, Any]) -> None:
        """Complain unless there are either seats or a quantity; then both are there, and agree."""
        if {"seats", "quantity"} & self.errors.keys():
            return
        count, quantity = len(cleaned["seats"]), cleaned["quantity"]
        if not count and not quantity:
            self.add_error("seats", "Give the seats, or the quantity of tickets without numbers.")
        elif count and quantity and count != quantity:
            self.add_error("quantity", f"These are {count} seats. Leave the quantity empty.")
        else:
            cleaned["quantity"] = quantity or count

    def clean_spacing(self, cleaned: dict[str, Any], seats: Sequence[str]) -> None:
        """Complain where the spacing contradicts these seats; let them decide it where it is open.

        Without seats there is no spacing.
        """
        told = stride_of(seats)
        if cleaned.get("stride") == ODD_OR_EVEN and told == NEXT_TO_EACH_OTHER:
            self.add_error(
                "stride",
                "Odd and even numbers are listed, so that these cannot be every other seat.",
            )
        elif not seats or not cleaned.get("stride"):
            cleaned["stride"] = told


class NewTicketGroupForm(TicketGroupForm):
    """Adds a group with its seats, or with a number of tickets that have none."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.clean_stock(cleaned)
        self.clean_spacing(cleaned, cleaned.get("seats", []))
        return cleaned


class PriceForm(forms.Form):
    """How prices are changed."""

    change = forms.ChoiceField(choices=PriceChange.choices, label="Change")
    by = forms.DecimalField(
        label="Amount or percent",
        min_value=0,
        max_value=limits.HIGHEST_PRICE,
        max_digits=9,
        decimal_places=2,
        help_text="Without a sign: 5 lowers by 5 where you lower.",
    )

    def clean_change(self) -> PriceChange:
        return PriceChange(self.cleaned_data["change"])


class SplitForm(forms.Form):
    """What goes from a ticket group to a new one."""

    seats = SeatsField(help_text="Those that go to the new group, such as 5-8.")
    quantity = forms.IntegerField(
        min_value=1, widget=AdminIntegerFieldWidget, help_text="How many go to the new group."
    )
    remote_id = forms.CharField(
        max_length=limits.ID_LENGTH,
        widget=AdminTextInputWidget,
        validators=[validate_id],
        help_text="Your own id of the new group; the marketplace will ask for it by this.",
    )

    def __init__(self, *args: Any, group: TicketGroup, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["quantity" if group.seats else "seats"]
