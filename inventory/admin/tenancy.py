"""Limits the admin to the rows of the user's broker, without a trace of any other broker.

Every page, search, filter, drop-down, autocomplete, history and action of Django's admin reads its
rows from `get_queryset` and asks the `has_…_permission` methods. Both are decided here by the
user's broker. Django's own permissions are not used.
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


# The most digits of a primary key.
LONGEST_KEY = 18


def is_key(text: object) -> bool:
    """Return whether a text that was sent can be a primary key.

    Django itself would send any text to the database, which would fail.
    """
    digits = str(text)
    return digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_KEY


class Chosen(AutocompleteSelect):
    """A select widget that ignores values that cannot be primary keys."""

    def optgroups(
        self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None
    ) -> Any:
        return super().optgroups(name, [one for one in value if is_key(one)], attrs)


class OwnRowsAdmin(ModelAdmin):
    """Shows a superuser all rows, a broker's user the rows of the broker, and other users none.

    `broker_lookup` is the lookup from the model to its broker. Nothing can be added, changed or
    deleted unless a subclass allows it. An empty list shows `empty_text`.
    """

    broker_lookup = "broker"
    empty_text = ""
    list_per_page = 50
    show_full_result_count = False  # it would count long tables a second time

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        own = broker_id(request)
        return rows.none() if own is None else rows.filter(**{self.broker_lookup: own})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with the plural name of the model as its title.

        Raises:
            BadRequest: a chosen row or the value of a filter cannot be one.
        """
        if not all(map(is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("The chosen values are not rows.")
        title = capfirst(str(self.opts.verbose_name_plural))
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except DataError as error:
            if request.method == "POST":
                raise
            raise BadRequest("A filter does not accept its value.") from error

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
        """Return the column of the broker, for superusers only: it shows that there are others."""
        return [self.broker_lookup] if request.user.is_superuser else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows that the user may see. A broker's user cannot choose the broker."""
        related = self.admin_site.get_model_admin(db_field.related_model)
        kwargs["queryset"] = related.get_queryset(request)
        if db_field.related_model is Broker and not request.user.is_superuser:
            kwargs |= {"widget": forms.HiddenInput, "initial": broker_id(request)}
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Chosen(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Write only the fields that the form changed; others may have been changed meanwhile."""
        obj.save(update_fields=form.changed_data if change else None)


class EditableAdmin(OwnRowsAdmin):
    """The same, but whoever sees rows may also add and change them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)


def broker_id(request: HttpRequest) -> int | None:
    """Return the id of the broker of a request's user, or None if the user has no broker."""
    return None if request.user.is_anonymous else request.user.broker_id


def only_broker(request: HttpRequest) -> Broker | None:
    """Return the broker of a request's user, or None for a superuser, who chooses a broker."""
    return None if request.user.is_superuser else request.user.broker  # type: ignore[union-attr]


def caller(request: HttpRequest) -> Caller:
    """Return the user of a request as the ledger records it, with the request's id."""
    return Caller(f"user {request.user.get_username()}", getattr(request, "id", ""))
