"""The admin pages of events."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from inventory.admin.event_form import NAMED, PROMISED, WHEN, EventForm, promised
from inventory.admin.save_timeout import SavedInTimeAdmin
from inventory.models import Event


class WhenFilter(admin.SimpleListFilter):
    """Filters rows by whether their event is past, according to the database's clock."""

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
    """Shows events, and lets staff add and change them."""

    form = EventForm
    list_display = ("name", "venue", "date_and_time")
    list_filter = (WhenFilter,)
    list_select_related = ("broker",)
    search_fields = ("name", "venue")
    search_help_text = "Name or venue"
    empty_text = "No events yet. Add one, and then the ticket groups you have for it."

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
        # A form that was sent is judged by the fields that it had when it was opened, even if a
        # hold has been made or released since then.
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
