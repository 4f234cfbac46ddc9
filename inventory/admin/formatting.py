"""How facts look in the admin: lengths of time, states, events, links."""

from datetime import timedelta

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inventory.models import Event, TicketGroup


def span(length: timedelta) -> str:
    """A length of time in its largest unit, two where it matters: `45 s`, `14 min`, `3 h 5 min`."""
    minutes, seconds = divmod(int(abs(length).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min" if minutes else f"{seconds} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def label(state: str, name: str) -> SafeString:
    """A state as a coloured word."""
    return format_html('<span class="state {}">{}</span>', state, name)


def event_in_two_lines(event: Event) -> SafeString:
    """The event's name, and when it is below."""
    return format_html('{}<br><span class="quiet">{}</span>', event.name, event.when)


def link_to_group(group: TicketGroup) -> SafeString:
    """The page of a ticket group."""
    page = reverse("admin:inventory_ticketgroup_change", args=[group.pk])
    return format_html('<a href="{}">{}</a>', page, group)
