"""The admin of holds, which is read-only except for the action that releases them."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from holds import services
from holds.admin.staff_pages import hold_page
from holds.models import STAFF_PREFIX, Hold, OrderException, State
from inventory import seat_text
from inventory.admin.confirmation import asked_first
from inventory.admin.formatting import event_in_two_lines, label, link_to_group, span
from inventory.admin.tenancy import OwnRowsAdmin, caller
from inventory.errors import Refusal
from inventory.models import LedgerEntry
from inventory.prices import money


def place_in_two_lines(hold: Hold) -> str:
    """Return the section and row of a hold as HTML, with the seats in a second line."""
    if hold.section is None:
        return "-"
    return format_html(
        '{}, row {}<br><span class="quiet">{}</span>',
        *(hold.section, hold.row, seat_text.written(hold.seats) or "no seat numbers"),
    )


class MakerFilter(admin.SimpleListFilter):
    """Filters holds by whether the marketplace or staff made them."""

    title = "maker"
    parameter_name = "made"
    global_id_lookup = "global_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("marketplace", "Marketplace"), ("staff", "Staff")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        by_staff = Q((f"{self.global_id_lookup}__startswith", STAFF_PREFIX))
        match self.value():
            case "staff":
                return queryset.filter(by_staff)
            case "marketplace":
                return queryset.exclude(by_staff)
        return queryset


class OverdueFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.overdue() if self.value() == "yes" else queryset  # type: ignore[attr-defined]


@admin.register(Hold)
class HoldAdmin(OwnRowsAdmin):
    list_display = (
        *("held_for", "state_label", "time_left", "age", "remote_id", "event_and_when"),
        *("place", "quantity", "price"),
    )
    list_filter = ("state", OverdueFilter, MakerFilter)
    list_select_related = ("group", "event", "broker")
    search_fields = ("global_id", "remote_id", "order_id", "customer")
    search_help_text = "Global id, remote id, order id or customer"
    actions = ("release",)
    fields = (
        *("global_id", "state_label", "time_left", "ticket_group", "event_and_when"),
        *("place", "quantity", "price", "total", "order_id"),
        *("created_at", "expires_at", "changed_at"),
    )
    empty_text = (
        "No holds yet. The marketplace makes them with its hold calls: give it an API key and the "
        "remote ids of your ticket groups."
    )

    def get_urls(self) -> list[Any]:
        hold = self.admin_site.admin_view(partial(hold_page, self))
        return [
            path("by-staff/<int:group_id>/", hold, name="holds_hold_by_staff"),
            *super().get_urls(),
        ]

    def get_fields(self, request: HttpRequest, obj: Hold | None = None) -> Any:
        by_staff = ("customer", "note") if obj and obj.by_staff else ()
        return (*self.fields, *by_staff)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # The time of the database, by which the filters go as well.
        rows: QuerySet[Any] = super().get_queryset(request).annotate(now=Now())
        return rows

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        hold: Hold = context["original"]
        context |= {
            "may_release": hold.state == State.HELD,
            "may_sell": hold.by_staff and hold.state == State.HELD,
            "invoice": getattr(hold, "invoice", None),
            "exceptions": OrderException.objects.filter(
                broker_id=hold.broker_id, global_id=hold.global_id
            ),
            "ledger": LedgerEntry.objects.filter(
                group_id=hold.group_id, global_id=hold.global_id
            ).order_by("number"),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @asked_first(
        title="Release holds",
        warning="The tickets go back on sale at once. Where the marketplace made the hold, it is "
        "not told: it may still believe that it has them. Its invoice will then be refused and "
        "come to you as an exception. Look at the marketplace first.",
        columns=(
            *("held_for", "state_label", "time_left", "remote_id", "event_and_when", "place"),
            *("quantity", "total"),
        ),
    )
    def release(self, request: HttpRequest, hold: Hold, answers: dict[str, Any]) -> str:
        """Release a hold.

        Raises:
            Refusal: the hold is not held any more.
        """
        if hold.state != State.HELD:
            raise Refusal(f"It is {hold.state}, there is nothing to release")
        outcome = services.release(
            broker_id=hold.broker_id,
            global_id=hold.global_id,
            caller=caller(request),
            by_staff=True,
        )
        if outcome.replayed or outcome.hold.state != State.RELEASED:
            raise Refusal("Its tickets are free already")
        return f"Released, tickets free again: {hold.quantity}."

    @admin.display(description="global id", ordering="global_id")
    def held_for(self, hold: Hold) -> str:
        if not hold.by_staff:
            return hold.global_id
        return format_html(
            '{}<br><span class="quiet">by staff</span>', hold.customer or "No customer named"
        )

    @admin.display(description="state", ordering="state")
    def state_label(self, hold: Hold) -> SafeString:
        return label(hold.state, hold.get_state_display())

    @admin.display(ordering="created_at")
    def age(self, hold: Hold) -> str:
        return span(_now(hold) - hold.created_at)

    @admin.display(description="time left", ordering="expires_at")
    def time_left(self, hold: Hold) -> str:
        if hold.state != State.HELD or hold.expires_at is None:
            return "-"
        left = hold.expires_at - _now(hold)
        if left > timedelta():
            return span(left)
        return format_html('<span class="late">overdue by {}</span>', span(left))

    @admin.display(description="ticket group")
    def ticket_group(self, hold: Hold) -> str:
        return link_to_group(hold.group) if hold.group else "-"

    @admin.display(description="event", ordering="event__date")
    def event_and_when(self, hold: Hold) -> str:
        return event_in_two_lines(hold.event) if hold.event else "-"

    @admin.display(description="seats")
    def place(self, hold: Hold) -> str:
        return place_in_two_lines(hold)

    @admin.display(ordering="unit_price")
    def price(self, hold: Hold) -> str:
        return money(hold.unit_price, hold.currency)

    @admin.display
    def total(self, hold: Hold) -> str:
        return money(hold.unit_price and hold.unit_price * hold.quantity, hold.currency)


def _now(hold: Hold) -> datetime:
    now: datetime = hold.now  # type: ignore[attr-defined]
    return now
