"""Two brokers with everything a broker can have, told apart by their every text."""

from typing import Any

from automator.models import ApiKey
from holds.models import Hold, OrderException
from inventory.models import Broker, Event, LedgerEntry, TicketGroup
from inventory.models.imports import Import
from invoices.models import Invoice
from tests.support.factories import (
    ApiKeyFactory,
    BrokerFactory,
    EventFactory,
    TicketGroupFactory,
    UserFactory,
)
from tests.support.marketplace import Api
from tests.support.staff import Staff
from tests.support.uploads import line, text, upload

MODELS: list[Any] = [
    *(Broker, Event, TicketGroup, LedgerEntry),
    *(Hold, OrderException, Invoice, ApiKey, Import),
]


def broker_with_rows(name: str) -> Broker:
    """A broker whose every text begins with the name: stock, a hold, a sale, an exception,
    an import that waits."""
    broker = BrokerFactory(name=f"{name} Tickets")
    event = EventFactory(broker=broker, name=f"{name} Live", venue=f"{name} Hall")
    group = TicketGroupFactory(
        broker=broker, event=event, remote_id=f"{name}-r", section=f"{name} 211"
    )
    api = Api(broker)
    api.hold(group, 2, f"{name}-g-1")
    api.hold(group, 2, f"{name}-g-2")
    api.invoice(f"{name}-o", f"{name}-g-2")
    api.release(f"{name}-g-2")
    ApiKeyFactory(broker=broker, name=f"{name} key")
    user = UserFactory(broker=broker, username=f"{name}-user")
    upload(Staff(user), text(line(f"{name}-new"), line(f"{name} bad")), f"{name}.csv")
    return broker


def theirs(model: Any) -> Any:
    """A row of the other broker."""
    return next(row for row in model.objects.all() if "omega" in owner(row).name)


def owner(row: Any) -> Broker:
    if isinstance(row, Broker):
        return row
    broker: Broker = row.broker
    return broker
