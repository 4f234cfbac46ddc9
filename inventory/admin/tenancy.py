"""The admin as a broker's user may have it: the broker's own rows, and not a hint of any other.

Every page, search, filter, drop-down, autocomplete, history and action of Django's admin reads its
rows from `get_queryset` and asks the `has_…_permission` methods: both are decided here, by the
user's broker. Django's own permissions count for nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import BadRequest
from django.db import DataError, models
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

from inventory.models import Broker, Caller

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


# A key has at most so many digits.
LONGEST_KEY = 18


def is_key(text: object) -> bool:
    """Whether a text that was sent can be the key of a row: Django asks the database by any."""
    digits = str(text)
    return digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_KEY


class Chosen(AutocompleteSelect):
    """Shows the row that a form or an address names, where that is the key of one."""

    def optgroups(
        self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None
    ) -> Any:
        return super().optgroups(name, [one for one in value if is_key(one)], attrs)


class OwnRowsAdmin(ModelAdmin):
    """Shows a superuser all rows, a broker's user those of the broker, and anybody else none.

    `broker_lookup` leads from the model to its broker. Nothing can be added, changed or deleted
    unless a subclass says so; `empty_text` says on an empty list what to do.
    """

    broker_lookup = "broker"
    empty_text = ""
    list_per_page = 50
    show_full_result_count = False  # a second count of long tables

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        own = broker_id(request)
        return rows.none() if own is None else rows.filter(**{self.broker_lookup: own})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not all(map(is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("What is chosen are no rows.")
        title = capfirst(str(self.opts.verbose_name_plural))
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except DataError as error:
            if request.method == "POST":
                raise
            raise BadRequest("No filter takes such a value.") from error

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser or broker_id(request) is not None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_display(request), *self._broker_column(request)]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_filter(request), *self._broker_column(request)]

    def _broker_column(self, request: HttpRequest) -> list[str]:
        """The name of a broker tells a broker's user that there are others."""
        return [self.broker_lookup] if request.user.is_superuser else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A user may choose what the user may see; of brokers there is nothing to choose."""
        related = self.admin_site.get_model_admin(db_field.related_model)
        kwargs["queryset"] = related.get_queryset(request)
        if db_field.related_model is Broker and not request.user.is_superuser:
            kwargs |= {"widget": forms.HiddenInput, "initial": broker_id(request)}
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Chosen(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Write what was changed in the form: the rest may have moved on since it was opened."""
        obj.save(update_fields=form.changed_data if change else None)


class EditableAdmin(OwnRowsAdmin):
    """The same where whoever sees rows may add and change them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)


def broker_id(request: HttpRequest) -> int | None:
    """The broker of the user of a request, if the user has one."""
    return None if request.user.is_anonymous else request.user.broker_id


def only_broker(request: HttpRequest) -> Broker | None:
    """The one broker that a request can be about; None for a superuser, who says which."""
    return None if request.user.is_superuser else request.user.broker  # type: ignore[union-attr]


def caller(request: HttpRequest) -> Caller:
    """The user of a request, as the ledger names who asked."""
    return Caller(f"user {request.user.get_username()}", getattr(request, "id", ""))
