"""The time zone of the admin: users of a broker see times in the broker's time zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class BrokerTimeMiddleware:
    """Activates the time zone of the user's broker for the pages of the admin."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(zone_of(request)):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """Return the time zone of the user's broker, or None, which means UTC, if there is none."""
    broker = getattr(request.user, "broker", None)
    try:
        return zoneinfo.ZoneInfo(broker.time_zone) if broker else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None  # PostgreSQL accepts names that zoneinfo does not have
