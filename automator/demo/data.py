"""The demo's data, and what its owner needs to know: logins, the API key, calls to paste.

Everything is made once and kept; what is missing is added, so a run that was cut short is completed
by the next. Nothing secret is fixed: it is random, and kept in DEMO_DIR/credentials.json.
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

from automator.demo import book
from automator.demo.trade import CALLER, PAIR, trade
from automator.models import ApiKey, User
from holds.models import Hold, OrderException
from inventory import seats, services, stock
from inventory.models import Broker, Event, TicketGroup
from invoices.models import Invoice

BROKER = "Demo Tickets"
ADMIN = "demo-admin"
STAFF = "demo-broker"
# Nothing that is read as something else, or that a shell or a mouse takes apart.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def prepare(stdout: OutputWrapper, address: str) -> None:
    """Make or complete the demo's data and print how to use it.

    `address` is the service's own, such as http://127.0.0.1:8000.
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
    """How much of each kind the demo's broker has."""
    return {
        "brokers": Broker.objects.filter(name=BROKER).count(),
        "events": Event.objects.filter(broker__name=BROKER).count(),
        "ticket groups": TicketGroup.objects.filter(broker__name=BROKER).count(),
        "holds": Hold.objects.filter(broker__name=BROKER).count(),
        "invoices": Invoice.objects.filter(broker__name=BROKER).count(),
        "exceptions": OrderException.objects.filter(broker__name=BROKER).count(),
    }


def listed(amounts: dict[str, int]) -> str:
    """`1 broker, 12 events`, without what there is none of."""
    return ", ".join(
        f"{number} {plural.removesuffix('s') if number == 1 else plural}"
        for plural, number in amounts.items()
        if number
    )


def ticket_groups(broker: Broker) -> list[TicketGroup]:
    """Add what is missing of the book; return all of it in order."""
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
    """Passwords and the API key, in a file that only its owner reads.

    What is in the file and still good is kept; all else is made anew, so that what is printed
    always works.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.secrets: dict[str, str] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self.secrets = {}

    def give(self, broker: Broker) -> dict[str, str]:
        """See to both users and a key; return the secrets, by user name and as `key`."""
        self.user(ADMIN, is_superuser=True)
        self.user(STAFF, broker=broker)
        found = ApiKey.objects.verified(self.secrets.get("key", ""))
        if found is None or found.broker_id != broker.id:
            _, self.secrets["key"] = ApiKey.objects.issue(broker, name="Demo")
            self.save()
        return self.secrets

    def user(self, name: str, **fields: object) -> None:
        """Make the user, or give it back its password if it has another one."""
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
        """Write the file whole, or not at all."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.secrets, file, indent=2)
        new.replace(self.path)


def instructions(broker: Broker, address: str, secret: dict[str, str]) -> Iterator[str]:
    """What to open, what to log in with and what to paste, line by line."""
    yield ""
    yield f"  Admin        {address}/admin/"
    yield f"               {ADMIN:<12} {secret[ADMIN]}   sees everything"
    yield f"               {STAFF:<12} {secret[STAFF]}   sees what {broker} has"
    yield f"  Docs         {address}/docs/"
    yield f"  API key      {secret['key']}"
    yield ""
    group = group_with_a_free_pair(broker)
    if group is None:
        yield "No ticket group has two free tickets together: release or add some in the admin."
        return
    call = Call(address, secret["key"])
    first, second = (f"try-{secrets.token_hex(4)}" for _ in range(2))
    order_id = f"{4_700_000 + secrets.randbelow(100_000)}-{secrets.randbelow(10**8):08}"
    hold = {"remote_id": group.remote_id, "quantity": PAIR}
    yield f"Hold two tickets of {group}, {group.event}:"
    yield call.post("/api/v1/holds", {**hold, "global_id": first})
    yield "Look at the hold:"
    yield call.get(f"/api/v1/holds/{first}")
    yield "Free it again:"
    yield call.post(f"/api/v1/holds/{first}/release")
    yield "Hold anew, as an id is good for one hold:"
    yield call.post("/api/v1/holds", {**hold, "global_id": second})
    yield "Sell that:"
    yield call.post("/api/v1/invoices", {"order_id": order_id, "global_id": second})


class Call:
    """Writes calls as curl has them, one on a line, ready to paste."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key

    def get(self, path: str) -> str:
        """A look-up."""
        return f"  curl -iw '\\n' {self.address}{path} -H 'X-API-Key: {self.key}'"

    def post(self, path: str, body: dict[str, object] | None = None) -> str:
        """A call with an effect. The ids are ours and have nothing a shell would read."""
        if body is None:
            return f"{self.get(path)} -X POST"
        return f"{self.get(path)} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"


def group_with_a_free_pair(broker: Broker) -> TicketGroup | None:
    """One whose split rule lets two tickets together go now: numbered seats first, most free."""
    groups = TicketGroup.objects.for_sale().filter(broker=broker).select_related("event")
    live = Prefetch("holds", Hold.objects.live(), to_attr="live_holds")
    able = [g for g in groups.prefetch_related(live) if PAIR in quantities_for_sale(g)]
    return max(able, key=lambda group: (bool(group.seats), group.free), default=None)


def quantities_for_sale(group: TicketGroup) -> Iterator[int]:
    """What a hold call could take of a group now, by the rules the call itself goes by."""
    taken = [hold.range for hold in group.live_holds]  # type: ignore[attr-defined]
    rows = seats.rows(group.seats, stride=group.stride)
    runs = seats.free_runs(rows, taken) if group.seats else [range(group.free)]
    return seats.allowed_quantities(
        runs,
        rule=seats.SplitRule(group.split_rule),
        free=group.free,
        custom=group.split_quantities,
    )
