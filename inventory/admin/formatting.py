"""Formats values for the admin: lengths of time, states, events and ticket groups."""

from datetime import timedelta

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inventory.models import Event, TicketGroup


def span(length: timedelta) -> str:
    """Return a length of time in one or two units, such as `45 s`, `14 min` or `3 h 5 min`.

    The sign is dropped.
    """
    minutes, seconds = divmod(int(abs(length).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min" if minutes else f"{seconds} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def label(state: str, name: str) -> SafeString:
    """Return the name of a state as HTML that colours it."""
    return format_html('<span class="state {}">{}</span>', state, name)


def event_in_two_lines(event: Event) -> SafeString:
    """Return HTML with an event's name, and its date and time on a second line."""
    return format_html('{}<br><span class="quiet">{}</span>', event.name, event.when)


def link_to_group(group: TicketGroup) -> SafeString:
    """Return HTML that links to the page of a ticket group."""
    page = reverse("admin:inventory_ticketgroup_change", args=[group.pk])
    return format_html('<a href="{}">{}</a>', page, group)
