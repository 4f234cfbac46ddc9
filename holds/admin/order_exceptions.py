"""The admin of exceptions, where staff read and resolve them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from holds.models import OrderException
from inventory.admin.confirmation import asked_first, words_field
from inventory.admin.formatting import label
from inventory.admin.tenancy import OwnRowsAdmin, caller
from inventory.errors import Refusal
from inventory.prices import money


class OpenFilter(admin.SimpleListFilter):
    title = "work"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.open()  # type: ignore[attr-defined, no-any-return]
        return queryset.filter(resolved_at__isnull=False) if self.value() == "no" else queryset


class NoteForm(forms.Form):
    """Asks what was done about an exception."""

    note = words_field(help_text="What you did about it. Others will read this later.")


@admin.register(OrderException)
class OrderExceptionAdmin(OwnRowsAdmin):
    list_display = (
        *("reason", "work", "order_id", "global_id", "at_risk", "answer", "times"),
        "last_at",
    )
    list_filter = (OpenFilter, "reason")
    list_select_related = ("broker",)
    search_fields = ("global_id", "order_id", "public_id")
    search_help_text = "Global id, order id or exception id"
    actions = ("resolve",)
    fields = (
        *("reason", "work", "at_risk", "order_id", "global_id", "hold", "answer", "public_id"),
        *("times", "first_at", "last_at", "resolved_at", "resolved_by", "note"),
    )
    empty_text = (
        "No exceptions: every call was honoured as asked. A call that cannot be honoured will "
        "appear here for you to resolve."
    )

    def get_ordering(self, request: HttpRequest) -> Any:
        """Order open exceptions before resolved ones, and newer ones before older ones."""
        return (F("resolved_at").desc(nulls_first=True), "-id")

    @asked_first(
        title="Resolve exceptions",
        warning="Resolving does not sell, hold or free tickets. It says that you have settled the "
        "matter, with the marketplace or with other tickets.",
        columns=("reason", "order_id", "global_id", "at_risk", "last_at"),
        form=NoteForm,
    )
    def resolve(
        self, request: HttpRequest, exception: OrderException, answers: dict[str, Any]
    ) -> str:
        """Resolve an exception, with a note.

        Raises:
            Refusal: the exception was resolved before.
        """
        mine = OrderException.objects.filter(pk=exception.pk)
        if not mine.resolve(now=timezone.now(), by=caller(request).name, note=answers["note"]):
            raise Refusal("It was resolved before")
        return f"Resolved. {answers['note']}"

    @admin.display(description="work", ordering="resolved_at")
    def work(self, exception: OrderException) -> SafeString:
        return label("resolved", "Resolved") if exception.resolved_at else label("open", "Open")

    @admin.display(description="money at risk", ordering="amount")
    def at_risk(self, exception: OrderException) -> str:
        return money(exception.amount, exception.currency)
