"""The page on which staff hold tickets for a customer.

The parts that it shares with the pages on which staff sell tickets are here as well.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.validators import RegexValidator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from holds import staff
from holds.models import STAFF_PREFIX, Hold
from holds.seat_map import SeatMap, seat_map
from holds.staff import Wanted, new_global_id
from inventory import limits
from inventory.admin.confirmation import words_field
from inventory.admin.tenancy import OwnRowsAdmin, caller
from inventory.errors import Refusal
from inventory.models import TicketGroup
from inventory.transactions import DATABASE_UNAVAILABLE

MAYBE_DONE = (
    "The database is busy, and it is not known whether this was done. Send the form again: it "
    "takes effect only once."
)


def price_field(**more: Any) -> forms.DecimalField:
    """Return a form field for the price of one ticket."""
    return forms.DecimalField(
        label="Price of one ticket",
        min_value=0,
        max_value=limits.HIGHEST_PRICE,
        decimal_places=2,
        **more,
    )


class TicketsForm(forms.Form):
    """Asks for tickets of a group: either certain seats, or any seats of a quantity."""

    global_id = forms.CharField(
        widget=forms.HiddenInput, validators=[RegexValidator(rf"\A{STAFF_PREFIX}[0-9a-f]{{16}}\Z")]
    )
    seats = forms.MultipleChoiceField(required=False)
    quantity = forms.IntegerField(min_value=1, required=False)

    def __init__(self, group: TicketGroup, data: QueryDict | None) -> None:
        super().__init__(data, initial={"global_id": new_global_id(), "price": group.price})
        self.group = group
        self.ticked = data.getlist("seats") if data else []
        if group.seats:
            # Ticked seats may have been taken or removed meanwhile. The service refuses these.
            labels = dict.fromkeys([*group.seats, *self.ticked])
            self.fields["seats"].choices = [(label, label) for label in labels]  # type: ignore[attr-defined]
            self.fields[
                "quantity"
            ].help_text = "Or say how many, and the best seats together are chosen for you."
        else:
            del self.fields["seats"]
            self.fields["quantity"].required = True

    @property
    def map(self) -> SeatMap:
        """The map of the seats to choose from."""
        return seat_map(self.group)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "global_id" in self.errors:
            self.add_error(None, "This form cannot be used. Open it anew.")
        seats, quantity = cleaned.get("seats", []), cleaned.get("quantity")
        if not seats and not quantity and "quantity" not in self.errors:
            self.add_error("quantity", "Tick seats above, or say how many.")
        elif seats and quantity and quantity != len(seats):
            self.add_error("quantity", f"{len(seats)} seats are ticked. Leave the quantity empty.")
        return cleaned

    @property
    def wanted(self) -> Wanted:
        """The tickets that a valid form asks for."""
        seats = tuple(self.cleaned_data.get("seats", ()))
        return Wanted(
            global_id=self.cleaned_data["global_id"],
            broker_id=self.group.broker_id,
            group_id=self.group.id,
            quantity=len(seats) or self.cleaned_data["quantity"],
            seats=seats,
        )


class HoldForm(TicketsForm):
    """Asks for what is needed to hold tickets for a customer."""

    customer = forms.CharField(max_length=200)
    until = forms.SplitDateTimeField(
        widget=AdminSplitDateTime,
        initial=lambda: timezone.now().replace(second=0, microsecond=0) + timedelta(days=1),
        help_text="After this time the tickets become free again automatically.",
    )
    price = price_field(help_text="As agreed with the customer.")
    note = words_field(required=False)


def own_group(model_admin: OwnRowsAdmin, request: HttpRequest, group_id: int) -> TicketGroup:
    """Return a ticket group that the user of a request may see.

    Raises:
        Http404: there is no such group, or the user may not see it.
    """
    groups = model_admin.admin_site.get_model_admin(TicketGroup).get_queryset(request)
    group: TicketGroup = get_object_or_404(groups.select_related("event", "broker"), pk=group_id)
    return group


def hold_page(model_admin: OwnRowsAdmin, request: HttpRequest, group_id: int) -> HttpResponse:
    """Show and process the page on which staff hold tickets of a group for a customer."""
    group = own_group(model_admin, request, group_id)
    form = HoldForm(group, request.POST if request.method == "POST" else None)

    def act() -> tuple[models.Model, str]:
        answers = form.cleaned_data
        outcome = staff.hold(
            form.wanted,
            until=answers["until"],
            unit_price=answers["price"],
            customer=answers["customer"],
            note=answers["note"],
            caller=caller(request),
        )
        hold: Hold = outcome.hold
        return hold, f"{hold.quantity} held for {hold.customer}. {still_free(group)}"

    return page(model_admin, request, form, act, title="Hold for a customer", group=group)


def still_free(group: TicketGroup) -> str:
    """Return a sentence that says how many tickets of a group are free now."""
    group.refresh_from_db(fields=["quantity", "held", "sold"])
    return f"Still free: {group.free}."


def page(
    model_admin: OwnRowsAdmin,
    request: HttpRequest,
    form: forms.Form,
    act: Callable[[], tuple[models.Model, str]],
    *,
    title: str,
    **shown: Any,
) -> HttpResponse:
    """Show a form. Once it is valid, call `act` and redirect to the page of the row that it made.

    `act` returns that row and a sentence that says what happened. If it raises a Refusal, the form
    is shown again with the reason and with everything that was filled in. `shown` is added to the
    context of the template.
    """
    if form.is_valid():
        try:
            row, happened = act()
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
        except DATABASE_UNAVAILABLE:
            form.add_error(None, MAYBE_DONE)
        else:
            model_admin.log_addition(request, row, happened)
            model_admin.message_user(request, happened, messages.SUCCESS)
            names = f"{row._meta.app_label}_{row._meta.model_name}"
            return HttpResponseRedirect(reverse(f"admin:{names}_change", args=[row.pk]))
    context = {
        **model_admin.admin_site.each_context(request),
        **shown,
        "title": title,
        "opts": model_admin.opts,
        "form": form,
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/hold_or_sell.html", context)
