"""The admin of ticket groups, where staff see and change them and their stock."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from holds.admin.export_page import ExportPage
from holds.admin.ticket_group_form import PLACE, STOCK, ChangedTicketGroupForm
from holds.locked_reads import clock
from holds.restock import restock
from holds.seat_map import seat_map
from inventory import seat_text, stock_changes
from inventory.admin.events import WhenFilter
from inventory.admin.formatting import event_in_two_lines
from inventory.admin.forms import NewTicketGroupForm
from inventory.admin.save_timeout import SavedInTimeAdmin
from inventory.admin.split_page import SplitPage
from inventory.admin.tenancy import caller
from inventory.admin.ticket_group_actions import GroupActions
from inventory.models import TicketGroup
from inventory.prices import money
from inventory.split_rules import SplitRule

PROMISED = (
    "Tickets of this group are held or sold. Event, section and row stay as they are, and so do "
    "the seats that are taken."
)
COPY = "This is a copy. Give it its own remote id, and its own seats if they have numbers."
# The fields that are always saved together.
SPLIT = {"split_rule", "split_quantities"}
# The fields that are copied to a new group. Seats would be listed twice, and the remote id is in
# use.
COPIED = (
    *("broker", *PLACE, "on_sale", "price", "cost", "face_value", *sorted(SPLIT)),
    *("stock_type", "in_hand_on", "public_notes", "internal_notes"),
)


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


class EventOfGroupFilter(WhenFilter):
    event_lookup = "event__"


@admin.register(TicketGroup)
class TicketGroupAdmin(ExportPage, SplitPage, GroupActions, SavedInTimeAdmin):
    list_display = (
        *("remote_id", "event_and_when", "section", "row", "seat_labels"),
        *("quantity", "free_tickets", "held", "sold", "split", "asking_price", "on_sale"),
    )
    list_filter = (AvailabilityFilter, EventOfGroupFilter, "stock_type")
    list_select_related = ("event", "broker")
    search_fields = ("remote_id", "event__name", "section")
    search_help_text = "Remote id, event or section"
    autocomplete_fields = ("event",)
    readonly_fields = ("seat_labels",)
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
            top: dict[str, Any] = {"fields": (*what, *STOCK, "stride")}
            if request.GET.get("copy"):
                top["description"] = COPY
            return [(None, top), *self._terms]
        numbers = STOCK if seat_text.can_be_read(obj.seats) else ("seat_labels",)
        why = "" if stock_changes.may_move(obj) else PROMISED
        top = {"fields": (*what, *numbers, "stride"), "description": why}
        return [(None, top), *self._terms]

    def get_readonly_fields(
        self, request: HttpRequest, obj: TicketGroup | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = (*self.readonly_fields, "broker", "remote_id")
        # A form keeps the fields with which it was opened, even if holds have changed meanwhile.
        posted = request.method == "POST"
        stays = "section" not in request.POST if posted else not stock_changes.may_move(obj)
        return (*fixed, *PLACE) if stays else fixed

    def get_form(
        self,
        request: HttpRequest,
        obj: TicketGroup | None = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> Any:
        form = ChangedTicketGroupForm if change else NewTicketGroupForm
        return super().get_form(request, obj, change, **kwargs, form=form)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the initial data, which are those of the copied group for a copy.

        Raises:
            Http404: the user's broker has no group with the id to copy.
        """
        given = super().get_changeform_initial_data(request)
        number = given.pop("copy", "")
        if not number:
            return given
        group = self.get_object(request, str(number))
        if group is None:
            raise Http404
        quantity = None if group.seats else group.quantity
        return model_to_dict(group, COPIED) | {"quantity": quantity}

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
            stock_changes.put_in(obj, caller=caller(request))
            return
        changed = set(form.changed_data) - {*STOCK}
        obj.save(update_fields=changed | SPLIT if changed & SPLIT else changed)
        if form.restocked():
            restock(
                *(form.locked, obj.seats, obj.quantity),
                claims=form.claims,
                stride=obj.stride if "stride" in changed else None,
                now=clock(),
                caller=caller(request),
            )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        group: TicketGroup | None = context["original"]
        if group:
            now = TicketGroup.objects.get(pk=group.pk)  # an invalid form has changed `group`
            context |= {"seat_map": seat_map(now), "unclaimed": stock_changes.may_move(now)}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="event", ordering="event__date")
    def event_and_when(self, group: TicketGroup) -> SafeString:
        return event_in_two_lines(group.event)

    @admin.display(description="seats")
    def seat_labels(self, group: TicketGroup) -> str:
        return seat_text.written(group.seats) or "no numbers"

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
