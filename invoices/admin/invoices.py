"""The admin of invoices, which is read-only except for the action that voids them."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import SafeString

from holds.admin.holds import MakerFilter, place_in_two_lines
from inventory.admin.confirmation import asked_first, words_field
from inventory.admin.formatting import event_in_two_lines, label
from inventory.admin.tenancy import OwnRowsAdmin, caller
from inventory.prices import money
from invoices import services
from invoices.admin.staff_pages import sell_held_page, sell_page
from invoices.models import Invoice


class VoidedFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("sold", "Sold"), ("voided", "Voided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"sold", "voided"}:
            return queryset
        return queryset.filter(void__isnull=self.value() == "sold")


class MakerOfHoldFilter(MakerFilter):
    global_id_lookup = "hold__global_id"


class VoidForm(forms.Form):
    """Asks why a sale is undone, and what happens to its tickets."""

    tickets = forms.ChoiceField(
        choices=[
            ("stock", "Back to stock: they can be sold again"),
            ("gone", "Gone: they leave the ticket group"),
        ],
        widget=forms.RadioSelect,
        help_text="Choose gone for tickets that you no longer have, or that never existed.",
    )
    reason = words_field(help_text="Why the sale is undone. Others will read this later.")


@admin.register(Invoice)
class InvoiceAdmin(OwnRowsAdmin):
    list_display = (
        *("order", "state_label", "buyer", "event", "seats", "quantity", "total_price"),
        "invoiced_at",
    )
    list_filter = (VoidedFilter, MakerOfHoldFilter, "late")
    list_select_related = ("hold__event", "void", "broker")
    search_fields = ("order_id", "hold__global_id", "buyer", "hold__customer")
    search_help_text = "Order id, global id, buyer or customer"
    actions = ("void",)
    fields = (
        *("order", "state_label", "buyer", "hold", "event", "seats", "quantity"),
        *("price", "total_price", "invoiced_at"),
    )
    empty_text = "No invoices yet. The marketplace makes them with its invoice calls, after a hold."

    def get_urls(self) -> list[Any]:
        sell, sell_held = (
            self.admin_site.admin_view(partial(page, self)) for page in (sell_page, sell_held_page)
        )
        return [
            path("by-staff/<int:group_id>/", sell, name="invoices_invoice_by_staff"),
            path("by-staff/hold/<int:hold_id>/", sell_held, name="invoices_invoice_sell_held"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        void = getattr(context["original"], "void", None)
        context |= {"void": void, "may_void": void is None}
        return super().render_change_form(request, context, *args, **kwargs)

    @asked_first(
        title="Void sales",
        warning="The invoices stay on record as voided. The marketplace, or whoever sold them, is "
        "not told: a buyer there believes to have these tickets. Cancel the order there first.",
        columns=(
            *("order", "state_label", "buyer", "event", "seats", "quantity"),
            "total_price",
        ),
        form=VoidForm,
    )
    def void(self, request: HttpRequest, invoice: Invoice, answers: dict[str, Any]) -> str:
        back = answers["tickets"] == "stock"
        services.void(invoice, reason=answers["reason"], back_to_stock=back, caller=caller(request))
        became = "free again" if back else "gone"
        return f"Voided, tickets {became}: {invoice.quantity}. {answers['reason']}"

    @admin.display(description="order id", ordering="order_id")
    def order(self, invoice: Invoice) -> str:
        by_itself = invoice.order_id == invoice.hold.global_id and invoice.hold.by_staff
        return "no reference" if by_itself else invoice.order_id

    @admin.display(description="state")
    def state_label(self, invoice: Invoice) -> SafeString:
        if getattr(invoice, "void", None):
            return label("voided", "Voided")
        return label("invoiced", "Sold late" if invoice.late else "Sold")

    @admin.display(ordering="hold__event__date")
    def event(self, invoice: Invoice) -> str:
        return event_in_two_lines(invoice.hold.event) if invoice.hold.event else "-"

    @admin.display
    def seats(self, invoice: Invoice) -> str:
        return place_in_two_lines(invoice.hold)

    @admin.display(description="price", ordering="unit_price")
    def price(self, invoice: Invoice) -> str:
        return money(invoice.unit_price, invoice.currency)

    @admin.display(description="total", ordering="total")
    def total_price(self, invoice: Invoice) -> str:
        return money(invoice.total, invoice.currency)
