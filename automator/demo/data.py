"""Makes the demo's data, and prints its logins, its API key and calls to paste.

The data are made once and kept. Missing data are added, so that each run completes an earlier one
that was interrupted. Secrets are random and are kept in DEMO_DIR/credentials.json.
"""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import OutputWrapper
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import ngettext

from automator.demo import book
from automator.demo.trade import CALLER, PAIR, trade
from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory import seats, services, split_rules, stock
from inventory.models import Broker, Event, TicketGroup
from invoices.models import Invoice

BROKER = "Demo Tickets"
ADMIN = "demo-admin"
STAFF = "demo-broker"
# No characters that look alike, that a shell interprets, or at which a double click stops.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def prepare(stdout: OutputWrapper, address: str) -> None:
    """Make or complete the demo's data, and print how to use the demo.

    Args:
        stdout: where to print.
        address: the URL of the service, such as http://127.0.0.1:8000.
    """
    before = counts()
    broker = Broker.objects.filter(name=BROKER).first() or services.create_broker(name=BROKER)
    if not before["ticket groups"]:
        stdout.write("Loading the demo's book: some seconds, this once ...")
        stdout.flush()
    trade(broker, ticket_groups(broker))
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
    """Add the ticket groups that are missing from the book, and return all, by remote id."""
    today = timezone.now().date()
    there = set(broker.ticket_groups.values_list("remote_id", flat=True))
    remote_ids = []
    for show in book.SHOWS:
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
            for fields in book.groups(show, today):
                remote_ids.append(fields["remote_id"])
                if fields["remote_id"] not in there:
                    group = TicketGroup(broker=broker, event=event, **fields)
                    stock.put_in(group, caller=CALLER)
    groups = broker.ticket_groups.filter(remote_id__in=remote_ids).select_related("event")
    return list(groups.order_by("remote_id"))


class Credentials:
    """The passwords and the API key, in a file that only its owner can read.

    Secrets in the file are kept while they are valid, and replaced otherwise, so that those which
    are printed always work.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.secrets: dict[str, str] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self.secrets = {}

    def give(self, broker: Broker) -> dict[str, str]:
        """Make both users and a key if they are missing.

        Returns their secrets: the passwords by username, and the API key under `key`.
        """
        self.user(ADMIN, is_superuser=True)
        self.user(STAFF, broker=broker)
        found = ApiKey.objects.verified(self.secrets.get("key", ""))
        if found is None or found.broker_id != broker.id:
            _, self.secrets["key"] = ApiKey.objects.issue(broker, name="Demo")
            self.save()
        return self.secrets

    def user(self, name: str, **fields: object) -> None:
        """Make the user if it is missing, and reset its password if that was changed."""
        if name not in self.secrets:
            self.secrets[name] = "".join(secrets.choice(ALPHABET) for _ in range(16))
            self.save()
        user, made = User.objects.get_or_create(
            username=name, defaults={"is_staff": True, **fields}
        )
        if made or not user.check_password(self.secrets[name]):
            user.set_password(self.secrets[name])
            user.save()

    def save(self) -> None:
        """Write the file atomically."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.secrets, file, indent=2)
        new.replace(self.path)


def instructions(broker: Broker, address: str, secret: dict[str, str]) -> Iterator[str]:
    """Yield the lines that say what to open, how to log in and which calls to paste."""
    yield ""
    yield f"  Admin        {address}/admin/"
    yield f"               {ADMIN:<12} {secret[ADMIN]}   sees everything"
    yield f"               {STAFF:<12} {secret[STAFF]}   sees the tickets of {broker}"
    yield f"  Docs         {address}/docs/"
    yield f"  API key      {secret['key']}"
    yield ""
    group = group_with_a_free_pair(broker)
    if group is None:
        yield "No ticket group has two free tickets together. Release or add some in the admin."
        return
    call = Call(address, secret["key"])
    first, second = (f"try-{secrets.token_hex(4)}" for _ in range(2))
    order_id = f"{4_700_000 + secrets.randbelow(100_000)}-{secrets.randbelow(10**8):08}"
    hold = {"remote_id": group.remote_id, "quantity": PAIR}
    yield f"Hold two tickets of {group}, {group.event}:"
    yield call.post("/api/v1/holds", {**hold, "global_id": first})
    yield "Look at the hold:"
    yield call.get(f"/api/v1/holds/{first}")
    yield "Release the hold:"
    yield call.post(f"/api/v1/holds/{first}/release")
    yield "Hold again, with a new id, since each id is used once:"
    yield call.post("/api/v1/holds", {**hold, "global_id": second})
    yield "Sell the tickets of that hold:"
    yield call.post("/api/v1/invoices", {"order_id": order_id, "global_id": second})


class Call:
    """Formats calls as curl commands of one line, ready to paste."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key

    def get(self, path: str) -> str:
        """Return the command for a GET request."""
        return f"  curl -iw '\\n' {self.address}{path} -H 'X-API-Key: {self.key}'"

    def post(self, path: str, body: dict[str, object] | None = None) -> str:
        """Return the command for a POST request.

        The ids in `path` and `body` are the demo's own and contain no quotes.
        """
        if body is None:
            return f"{self.get(path)} -X POST"
        return f"{self.get(path)} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"


def group_with_a_free_pair(broker: Broker) -> TicketGroup | None:
    """Return a ticket group of which two adjacent tickets can be held now, or None.

    Groups with numbered seats are preferred, then those with the most free tickets.
    """
    groups = TicketGroup.objects.for_sale().filter(broker=broker).select_related("event")
    live = Prefetch("holds", Hold.objects.live(), to_attr="live_holds")
    able = [g for g in groups.prefetch_related(live) if PAIR in quantities_for_sale(g)]
    return max(able, key=lambda group: (bool(group.seats), group.free), default=None)


def quantities_for_sale(group: TicketGroup) -> Iterator[int]:
    """Yield the quantities that a hold call could take from a ticket group now.

    The rules are those that the call itself applies.
    """
    taken = [hold.range for hold in group.live_holds]  # type: ignore[attr-defined]
    rows = seats.rows(group.seats, stride=group.stride)
    runs = seats.free_runs(rows, taken) if group.seats else [range(group.free)]
    return split_rules.allowed_quantities(
        runs,
        rule=split_rules.SplitRule(group.split_rule),
        free=group.free,
        custom=group.split_quantities,
    )
