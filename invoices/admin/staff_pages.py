"""The pages on which staff record sales that the marketplace did not make."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect

from holds.admin.staff_pages import TicketsForm, own_group, page, price_field, still_free
from holds.models import STAFF_PREFIX, Hold, State
from inventory import limits
from inventory.admin.confirmation import words_field
from inventory.admin.tenancy import OwnRowsAdmin, caller
from invoices import staff
from invoices.models import Invoice
from invoices.staff import Sale

# Suggestions for the channel, which is free text.
CHANNELS = ("StubHub", "SeatGeek", "Vivid Seats", "TickPick", "Gametime", "By phone", "At the door")


class SaleForm(forms.Form):
    """Asks what staff know of a sale."""

    channel = forms.CharField(
        max_length=100,
        widget=forms.TextInput({"list": "channels"}),
        help_text="Where the tickets were sold, or who bought them.",
    )
    reference = forms.CharField(
        max_length=limits.ID_LENGTH,
        required=False,
        help_text="The order number there, if there is one.",
    )
    price = price_field()
    further_line = forms.BooleanField(
        label="One more line",
        required=False,
        help_text="Tick this only if tickets were sold under this reference already, and this is "
        "one more line of the same order.",
    )

    def _require_new(self, *, broker_id: int, global_id: str) -> None:
        """Add an error where the reference is sold already, so that no order is sold twice."""
        reference = self.cleaned_data.get("reference")
        if not reference or self.cleaned_data.get("further_line"):
            return
        others = Invoice.objects.filter(broker_id=broker_id, order_id=reference, void=None)
        other = others.exclude(hold__global_id=global_id).select_related("hold").first()
        if other:
            self.add_error(
                "reference",
                ValidationError(
                    "%(reference)s is sold already: %(quantity)s tickets, to %(buyer)s, section "
                    "%(section)s, row %(row)s. If this is one more line of it, tick that below.",
                    params={
                        "reference": reference,
                        "quantity": other.quantity,
                        "buyer": other.buyer,
                        "section": other.hold.section,
                        "row": other.hold.row,
                    },
                ),
            )

    @property
    def sale(self) -> Sale:
        """The sale that a valid form describes."""
        facts = self.cleaned_data
        return Sale(facts["channel"], facts["reference"], facts["price"])


class SellForm(SaleForm, TicketsForm):
    """Asks for what is needed to sell free tickets of a group."""

    customer = forms.CharField(max_length=200, required=False)
    note = words_field(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._require_new(
            broker_id=self.group.broker_id, global_id=self.cleaned_data.get("global_id", "")
        )
        return cleaned


class SellHeldForm(SaleForm):
    """Asks for what is needed to sell tickets that staff hold for a customer."""

    def __init__(self, hold: Hold, data: QueryDict | None) -> None:
        super().__init__(data, initial={"price": hold.unit_price})
        self.hold = hold

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._require_new(broker_id=self.hold.broker_id, global_id=self.hold.global_id)
        return cleaned


def sell_page(model_admin: OwnRowsAdmin, request: HttpRequest, group_id: int) -> HttpResponse:
    """Show and process the page on which staff sell free tickets of a group."""
    group = own_group(model_admin, request, group_id)
    form = SellForm(group, request.POST if request.method == "POST" else None)

    def act() -> tuple[models.Model, str]:
        invoice = staff.sell(
            form.wanted,
            form.sale,
            customer=form.cleaned_data["customer"],
            note=form.cleaned_data["note"],
            caller=caller(request),
        ).invoice
        invoice = Invoice.objects.get(hold_id=invoice.hold_id)
        return invoice, f"{invoice.quantity} sold, {invoice.buyer}. {still_free(group)}"

    return page(
        model_admin, request, form, act, title="Record a sale", group=group, channels=CHANNELS
    )


def sell_held_page(model_admin: OwnRowsAdmin, request: HttpRequest, hold_id: int) -> HttpResponse:
    """Show and process the page on which staff sell tickets that they hold for a customer."""
    holds = model_admin.admin_site.get_model_admin(Hold).get_queryset(request)
    holds = holds.filter(global_id__startswith=STAFF_PREFIX)
    hold: Hold = get_object_or_404(holds.select_related("group__event"), pk=hold_id)
    if request.method != "POST" and hold.state != State.HELD:
        return redirect("admin:holds_hold_change", hold.pk)  # whose page shows what happened to it
    form = SellHeldForm(hold, request.POST if request.method == "POST" else None)

    def act() -> tuple[models.Model, str]:
        staff.sell_held(
            broker_id=hold.broker_id,
            global_id=hold.global_id,
            sale=form.sale,
            caller=caller(request),
        )
        invoice = Invoice.objects.get(hold=hold)
        return invoice, f"{invoice.quantity} sold, {invoice.buyer}."

    return page(
        model_admin,
        request,
        form,
        act,
        title="Sell what is held",
        group=hold.group,
        hold=hold,
        channels=CHANNELS,
    )
