"""Forms of the admin for ticket groups, and the base of forms that change rows."""

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
from inventory.seats import NEXT_TO_EACH_OTHER, ODD_OR_EVEN, stride_of
from inventory.split_rules import SplitRule

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[TicketGroup]
    AnyModelForm = forms.ModelForm[Any]
else:
    ModelForm = AnyModelForm = forms.ModelForm


class ChangedAsSeen(AnyModelForm):
    """Determines what a user has changed by what the page showed, not by what the row has now.

    The page carries the value that each field had when the page was opened. Together with a
    `save_model` that writes only `changed_data`, this keeps what somebody else has saved since.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for field in self.fields.values():
                # A disabled field cannot change, and a page must not show a password's hash.
                field.show_hidden_initial = not field.disabled


def on_one_line(cleaned: dict[str, Any], *names: str) -> None:
    """Replace line breaks and unusual spaces in these texts by single spaces, as for a book.

    Otherwise a text that looks the same would be another event, section or row.
    """
    for name in names:
        if (text := cleaned.get(name)) and not text.isprintable():
            cleaned[name] = " ".join(text.split())


class SeatsField(forms.CharField):
    """A form field for seat labels, which are entered as one line of text."""

    widget = AdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return seat_text.written(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the seat labels that a text names.

        Raises:
            ValidationError: the text cannot be read as seats.
        """
        try:
            return seat_text.read(super().to_python(value) or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def run_validators(self, value: Any) -> None:
        super().run_validators(",".join(value))


class TicketGroupForm(ModelForm):
    """The base of the forms that add and change a ticket group: its stock and its split rule."""

    seats = SeatsField(
        required=False,
        help_text="Such as 1-8, 1-15 odd, 2-10 even, A1-A4 or 1,2,5. Leave empty if the tickets "
        "have no seat numbers.",
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TICKETS,
        widget=AdminIntegerFieldWidget,
        help_text="How many tickets there are, including those held and sold. Fill this in only if "
        "the tickets have no seat numbers.",
    )
    split_quantities = SimpleArrayField(
        forms.IntegerField(min_value=1),
        required=False,
        help_text="The quantities that a custom split rule allows, separated by commas: 2,4",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        on_one_line(cleaned, "section", "row")
        cleaned["split_quantities"] = sorted({*(cleaned.get("split_quantities") or ())})
        if cleaned.get("split_rule") != SplitRule.CUSTOM:
            cleaned["split_quantities"] = []
        elif not cleaned.get("split_quantities") and "split_quantities" not in self.errors:
            self.add_error("split_quantities", "A custom split rule needs its quantities.")
        broker = cleaned.get("broker") or getattr(self.instance, "broker", None)
        if broker and "event" in cleaned and cleaned["event"].broker_id != broker.id:
            self.add_error("event", f"This is not an event of {broker}.")
        return cleaned

    def clean_stock(self, cleaned: dict[str, Any]) -> None:
        """Require seats or a quantity, and set the quantity if only seats are given.

        An error is added to the form if neither is given, or if they do not agree.
        """
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
        """Require that the seat spacing agrees with these seats, and set it if it is not given.

        An error is added to the form if it does not agree. Without seats the spacing becomes None.
        """
        told = stride_of(seats)
        if cleaned.get("stride") == ODD_OR_EVEN and told == NEXT_TO_EACH_OTHER:
            self.add_error(
                "stride",
                "Odd and even numbers are listed, so these cannot be every other seat.",
            )
        elif not seats or not cleaned.get("stride"):
            cleaned["stride"] = told


class NewTicketGroupForm(TicketGroupForm):
    """Adds a ticket group with numbered seats, or with a quantity of tickets without numbers."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.clean_stock(cleaned)
        self.clean_spacing(cleaned, cleaned.get("seats", []))
        return cleaned


class PriceForm(forms.Form):
    """Asks how prices are changed, and by how much."""

    change = forms.ChoiceField(choices=PriceChange.choices, label="Change")
    by = forms.DecimalField(
        label="Amount or percent",
        min_value=0,
        max_value=limits.HIGHEST_PRICE,
        max_digits=9,
        decimal_places=2,
        help_text="Enter it without a sign: to lower prices by 5, choose to lower and enter 5.",
    )

    def clean_change(self) -> PriceChange:
        return PriceChange(self.cleaned_data["change"])


class SplitForm(forms.Form):
    """Asks which tickets of a ticket group move to a new one."""

    seats = SeatsField(help_text="The seats that move to the new group, such as 5-8.")
    quantity = forms.IntegerField(
        min_value=1,
        widget=AdminIntegerFieldWidget,
        help_text="How many tickets move to the new group.",
    )
    remote_id = forms.CharField(
        max_length=limits.ID_LENGTH,
        widget=AdminTextInputWidget,
        validators=[validate_id],
        help_text="Your own id of the new group. The marketplace will use it in its calls.",
    )

    def __init__(self, *args: Any, group: TicketGroup, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["quantity" if group.seats else "seats"]
