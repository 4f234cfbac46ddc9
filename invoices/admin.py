"""Invoices in the admin: everything to read, and void as an action."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from holds.admin import place_in_two_lines
from inventory.confirmation import asked_first
from inventory.shown import event_in_two_lines, label, money
from inventory.tenancy import OwnRowsAdmin, caller
from invoices import services
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


class ReasonForm(forms.Form):
    """Why a sale is undone."""

    reason = forms.CharField(
        max_length=1000,
        widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
        help_text="Why, for whoever looks at this later.",
    )


@admin.register(Invoice)
class InvoiceAdmin(OwnRowsAdmin):
    list_display = (
        *("order_id", "standing", "global_id", "event", "seats", "quantity", "price"),
        *("total_price", "invoiced_at"),
    )
    list_filter = (VoidedFilter, "late")
    list_select_related = ("hold__event", "void", "broker")
    search_fields = ("order_id", "hold__global_id")
    search_help_text = "Order id or global id"
    actions = ("void",)
    fields = (
        *("order_id", "standing", "buyer", "hold", "event", "seats", "quantity"),
        *("price", "total_price", "invoiced_at"),
    )
    empty_text = "No invoices yet. They come with the marketplace's invoice calls, after a hold."

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        void = getattr(context["original"], "void", None)
        context |= {"void": void, "may_void": void is None}
        return super().render_change_form(request, context, *args, **kwargs)

    @asked_first(
        title="Void sales",
        warning="The tickets go back on sale at once; the invoices stay on record as voided. The "
        "marketplace is not told: it has sold these tickets to a buyer. Cancel the order there "
        "first.",
        columns=(
            *("order_id", "standing", "global_id", "event", "seats", "quantity"),
            "total_price",
        ),
        form=ReasonForm,
    )
    def void(self, request: HttpRequest, invoice: Invoice, answers: dict[str, Any]) -> str:
        services.void(invoice, reason=answers["reason"], caller=caller(request))
        return f"Voided, tickets free again: {invoice.quantity}. {answers['reason']}"

    @admin.display(description="state")
    def standing(self, invoice: Invoice) -> SafeString:
        if getattr(invoice, "void", None):
            return label("voided", "Voided")
        return label("invoiced", "Sold late" if invoice.late else "Sold")

    @admin.display(description="global id", ordering="hold__global_id")
    def global_id(self, invoice: Invoice) -> str:
        return invoice.hold.global_id

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
