"""What a broker has, in the admin: brokers, events and the ledger. Ticket groups know of holds."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString

from inventory import seat_text
from inventory.admin.event_form import NAMED, PROMISED, WHEN, EventForm, promised
from inventory.admin.forms import ChangedAsSeen
from inventory.admin.saving import SavedInTimeAdmin
from inventory.admin.shown import link_to_group
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.models import Broker, Event, LedgerEntry


@admin.register(Broker)
class BrokerAdmin(OwnRowsAdmin):
    form = ChangedAsSeen
    broker_lookup = "pk"
    list_display = ("name", "hold_lifetime", "currency", "time_zone")
    search_fields = ("name",)
    search_help_text = "Name"
    fields = ("name", "hold_lifetime", "currency", "time_zone")
    empty_text = "No brokers yet. Add one, then a user and an API key for it."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def _broker_column(self, request: HttpRequest) -> list[str]:
        return []


class WhenFilter(admin.SimpleListFilter):
    """Whether the event of a row is past, by the database's clock."""

    title = "event"
    parameter_name = "when"
    event_lookup = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("upcoming", "Upcoming"), ("past", "Past")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        past = Q((f"{self.event_lookup}past_at__lte", Now()))
        if self.value() == "past":
            return queryset.filter(past)
        return queryset.exclude(past) if self.value() == "upcoming" else queryset


@admin.register(Event)
class EventAdmin(SavedInTimeAdmin):
    form = EventForm
    list_display = ("name", "venue", "date_and_time")
    list_filter = (WhenFilter,)
    list_select_related = ("broker",)
    search_fields = ("name", "venue")
    search_help_text = "Name or venue"
    empty_text = "No events yet. Add one, then the ticket groups you have for it."

    def get_fieldsets(self, request: HttpRequest, obj: Event | None = None) -> Any:
        fields = ("broker", *NAMED, ("date", "time"), "time_zone")
        if not promised(obj):
            return [(None, {"fields": fields})]
        return [(None, {"fields": (*fields, "rescheduled"), "description": PROMISED})]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Event | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        # What a form has that was opened before a hold, or after its release, is its own answer.
        posted = request.method == "POST"
        fixed = "name" not in request.POST if posted else promised(obj)
        return ("broker", *NAMED) if fixed else ("broker",)

    def save_model(
        self,
        request: HttpRequest,
        obj: Event,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        changed = [name for name in form.changed_data if name in (*NAMED, *WHEN)]
        obj.save(update_fields=changed if change else None)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        broker = getattr(request.user, "broker", None)
        own = {"time_zone": broker.time_zone} if broker else {}
        return {**own, **super().get_changeform_initial_data(request)}

    @admin.display(description="when", ordering="date")
    def date_and_time(self, event: Event) -> str:
        return event.when


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OwnRowsAdmin):
    broker_lookup = "group__broker"
    list_display = (
        *("at", "remote_id", "effect", "tickets", "seat_labels", "global_id"),
        *("free_after", "held", "sold", "asked_by", "request_id"),
    )
    list_filter = ("effect",)
    list_select_related = ("group__broker",)
    search_fields = ("global_id", "group__remote_id", "request_id")
    search_help_text = "Global id, remote id or request id"
    fields = (
        *("at", "ticket_group", "number", "effect", "tickets", "seat_labels", "global_id"),
        *("quantity", "free_after", "held", "sold", "asked_by", "request_id"),
    )
    empty_text = "Nothing has happened yet. Every effect on a ticket group is written down here."

    @admin.display(description="remote id", ordering="group__remote_id")
    def remote_id(self, entry: LedgerEntry) -> str:
        return entry.group.remote_id

    @admin.display(description="ticket group")
    def ticket_group(self, entry: LedgerEntry) -> SafeString:
        return link_to_group(entry.group)

    @admin.display(description="seats")
    def seat_labels(self, entry: LedgerEntry) -> str:
        return seat_text.written(entry.seats) or "-"

    @admin.display(description="free after")
    def free_after(self, entry: LedgerEntry) -> int:
        return entry.quantity - entry.held - entry.sold
