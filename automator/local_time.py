"""Times as a broker reads them: a broker's user sees the admin in the broker's time zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


class BrokerTimeMiddleware:
    """Puts the broker's time zone in force for the admin's pages; they name it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(zone_of(request)):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The time zone of the user's broker; None, which is UTC, where there is none to be had."""
    broker = getattr(request.user, "broker", None)
    try:
        return zoneinfo.ZoneInfo(broker.time_zone) if broker else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):  # PostgreSQL knows more names
        return None
