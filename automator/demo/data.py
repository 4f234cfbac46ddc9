"""Makes the demo's data, and prints how to use them.

The data are made once and kept. Missing data are added, so that each run completes an earlier one
that was interrupted.
"""

from django.conf import settings
from django.core.management.base import OutputWrapper
from django.db import transaction
from django.utils import timezone
from django.utils.translation import ngettext

from automator.demo.credentials import Credentials
from automator.demo.holds_and_sales import CALLER, make_holds_and_sales
from automator.demo.instructions import instructions
from automator.demo.shows import SHOWS
from automator.demo.ticket_groups import fields_of_groups
from holds.models import Hold, OrderException
from inventory import services, stock_changes
from inventory.models import Broker, Event, TicketGroup
from invoices.models import Invoice

BROKER = "Demo Tickets"


def prepare(stdout: OutputWrapper, address: str) -> None:
    """Make or complete the demo's data, and print how to use the demo.

    Args:
        stdout: where to print.
        address: the URL of the service, such as http://127.0.0.1:8000.
    """
    before = counts()
    broker = Broker.objects.filter(name=BROKER).first() or services.create_broker(name=BROKER)
    if not before["ticket groups"]:
        stdout.write("Loading the demo's tickets: some seconds, this once ...")
        stdout.flush()
    make_holds_and_sales(broker, ticket_groups(broker))
    secret = Credentials(settings.DEMO_DIR / "credentials.json").give(broker)
    after = counts()
    made = {name: count - before[name] for name, count in after.items()}
    for word, amounts in (("Made", made), ("Kept", before)):
        if any(amounts.values()):
            stdout.write(f"{word}: {listed(amounts)}.")
    stdout.write("\n".join([*instructions(broker, address, secret), "\n"]))
    stdout.flush()


def counts() -> dict[str, int]:
    """Return the number of rows of each kind that the demo's broker has."""
    return {
        "brokers": Broker.objects.filter(name=BROKER).count(),
        "events": Event.objects.filter(broker__name=BROKER).count(),
        "ticket groups": TicketGroup.objects.filter(broker__name=BROKER).count(),
        "holds": Hold.objects.filter(broker__name=BROKER).count(),
        "invoices": Invoice.objects.filter(broker__name=BROKER).count(),
        "exceptions": OrderException.objects.filter(broker__name=BROKER).count(),
    }


def listed(amounts: dict[str, int]) -> str:
    """Return amounts as text, such as `1 broker, 12 events`, without those that are 0."""
    return ", ".join(
        f"{number} {ngettext(plural.removesuffix('s'), plural, number)}"
        for plural, number in amounts.items()
        if number
    )


def ticket_groups(broker: Broker) -> list[TicketGroup]:
    """Add the ticket groups that are missing, and return all, ordered by remote id."""
    today = timezone.now().date()
    there = set(broker.ticket_groups.values_list("remote_id", flat=True))
    remote_ids = []
    for show in SHOWS:
        event, _ = Event.objects.get_or_create(
            broker=broker,
            name=show.name,
            defaults={
                "venue": show.venue,
                "date": show.date(today),
                "time": show.time,
                "time_zone": show.time_zone,
            },
        )
        with transaction.atomic():
            for fields in fields_of_groups(show, today):
                remote_ids.append(fields["remote_id"])
                if fields["remote_id"] not in there:
                    group = TicketGroup(broker=broker, event=event, **fields)
                    stock_changes.put_in(group, caller=CALLER)
    groups = broker.ticket_groups.filter(remote_id__in=remote_ids).select_related("event")
    return list(groups.order_by("remote_id"))
