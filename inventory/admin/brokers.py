"""The admin pages of brokers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from inventory.admin.forms import ChangedAsSeen
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.models import Broker


@admin.register(Broker)
class BrokerAdmin(OwnRowsAdmin):
    """Shows brokers. Only a superuser can add and change them."""

    form = ChangedAsSeen
    broker_lookup = "pk"
    list_display = ("name", "hold_lifetime", "currency", "time_zone")
    search_fields = ("name",)
    search_help_text = "Name"
    fields = ("name", "hold_lifetime", "currency", "time_zone")
    empty_text = "No brokers yet. Add one, and then a user and an API key for it."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def _broker_column(self, request: HttpRequest) -> list[str]:
        return []
