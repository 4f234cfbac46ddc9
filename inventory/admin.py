"""What a broker has, in the admin: brokers, events, ticket groups and the ledger."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString

from inventory import seat_text, stocking
from inventory.forms import PLACE, ChangedTicketGroupForm, NewTicketGroupForm
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.seats import SplitRule
from inventory.shown import event_in_two_lines, link_to_group, money
from inventory.tenancy import EditableAdmin, OwnRowsAdmin, caller

PROMISED = "Event, section and row stay as they are while tickets are held or sold."
# What is written together.
SPLIT = {"split_rule", "split_quantities"}


@admin.register(Broker)
class BrokerAdmin(OwnRowsAdmin):
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


class EventOfGroupFilter(WhenFilter):
    event_lookup = "event__"


@admin.register(Event)
class EventAdmin(EditableAdmin):
    list_display = ("name", "venue", "date_and_time")
    list_filter = (WhenFilter,)
    list_select_related = ("broker",)
    search_fields = ("name", "venue")
    search_help_text = "Name or venue"
    fields = ("broker", "name", "venue", ("date", "time"), "time_zone")
    empty_text = "No events yet. Add one, then the ticket groups you have for it."

    def get_readonly_fields(self, request: HttpRequest, obj: Event | None = None) -> list[str]:
        return ["broker"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        broker = getattr(request.user, "broker", None)
        own = {"time_zone": broker.time_zone} if broker else {}
        return {**own, **super().get_changeform_initial_data(request)}

    @admin.display(description="when", ordering="date")
    def date_and_time(self, event: Event) -> str:
        return event.when


class AvailabilityFilter(admin.SimpleListFilter):
    title = "availability"
    parameter_name = "availability"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("for_sale", "For sale"),
            ("held", "Held"),
            ("sold_out", "Sold out"),
            ("off_sale", "Off sale"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "for_sale":
                return queryset.for_sale()  # type: ignore[attr-defined, no-any-return]
            case "held":
                return queryset.with_holds()  # type: ignore[attr-defined, no-any-return]
            case "sold_out":
                return queryset.sold_out()  # type: ignore[attr-defined, no-any-return]
            case "off_sale":
                return queryset.off_sale()  # type: ignore[attr-defined, no-any-return]
        return queryset


@admin.register(TicketGroup)
class TicketGroupAdmin(EditableAdmin):
    list_display = (
        *("remote_id", "event_and_when", "section", "row", "seat_labels"),
        *("quantity", "free_tickets", "held", "sold", "split", "asking_price", "on_sale"),
    )
    list_filter = (AvailabilityFilter, EventOfGroupFilter, "stock_type")
    list_select_related = ("event", "broker")
    search_fields = ("remote_id", "event__name", "section")
    search_help_text = "Remote id, event or section"
    autocomplete_fields = ("event",)
    readonly_fields = ("seat_labels", "tickets")
    empty_text = "No ticket groups yet. Add one: its event, where it is, its seats and its price."
    _terms: ClassVar = [
        (
            "Terms",
            {
                "fields": (
                    *("on_sale", "price", "cost", "face_value"),
                    *("split_rule", "split_quantities", "stock_type", "in_hand_on"),
                )
            },
        ),
        ("Notes", {"fields": ("public_notes", "internal_notes")}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: TicketGroup | None = None) -> Any:
        what = ("broker", "remote_id", *PLACE)
        if obj is None:
            return [(None, {"fields": (*what, "seats", "quantity")}), *self._terms]
        why = "" if stocking.may_move(obj) else PROMISED
        top = {"fields": (*what, "seat_labels", "tickets"), "description": why}
        return [(None, top), *self._terms]

    def get_readonly_fields(
        self, request: HttpRequest, obj: TicketGroup | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = (*self.readonly_fields, "broker", "remote_id")
        # A form that was opened while the group could move is answered by the form.
        asked = request.method == "POST" and "section" in request.POST
        return fixed if asked or stocking.may_move(obj) else (*fixed, *PLACE)

    def get_form(
        self,
        request: HttpRequest,
        obj: TicketGroup | None = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> Any:
        form = ChangedTicketGroupForm if change else NewTicketGroupForm
        return super().get_form(request, obj, change, **kwargs, form=form)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in {"public_notes", "internal_notes"}:
            kwargs["widget"] = forms.Textarea({"rows": 3, "class": "vLargeTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(
        self,
        request: HttpRequest,
        obj: TicketGroup,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        if not change:
            stocking.put_in(obj, caller=caller(request))
            return
        changed = set(form.changed_data)
        obj.save(update_fields=changed | SPLIT if changed & SPLIT else changed)

    @admin.display(description="event", ordering="event__date")
    def event_and_when(self, group: TicketGroup) -> SafeString:
        return event_in_two_lines(group.event)

    @admin.display(description="seats")
    def seat_labels(self, group: TicketGroup) -> str:
        return seat_text.written(group.seats) or "no numbers"

    @admin.display
    def tickets(self, group: TicketGroup) -> str:
        return f"{group.quantity}: {group.free} free, {group.held} held, {group.sold} sold"

    @admin.display(description="free", ordering=F("quantity") - F("held") - F("sold"))
    def free_tickets(self, group: TicketGroup) -> int:
        return group.free

    @admin.display(description="split rule", ordering="split_rule")
    def split(self, group: TicketGroup) -> str:
        if group.split_rule == SplitRule.CUSTOM:
            return ", ".join(map(str, group.split_quantities))
        return group.get_split_rule_display()

    @admin.display(description="price", ordering="price")
    def asking_price(self, group: TicketGroup) -> str:
        return money(group.price, group.broker.currency)


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
