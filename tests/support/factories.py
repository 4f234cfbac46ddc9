"""Rows for tests: one factory a model. What has a service is made by that service."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.db import transaction
from factory.django import DjangoModelFactory, Password

from automator.models import ApiKey, User
from holds import services as holds
from holds.models import Hold
from inventory import stock_changes
from inventory.models import Broker, Caller, Event, TicketGroup


class BrokerFactory(DjangoModelFactory):  # type: ignore[misc]
    class Meta:
        model = Broker

    name = factory.Sequence(lambda number: f"Broker {number}")


class UserFactory(DjangoModelFactory):  # type: ignore[misc]
    """A user of a broker. Nobody can log in by password: force_login, or set_password first."""

    class Meta:
        model = User

    class Params:
        whole = factory.Trait(broker=None, is_superuser=True)  # staff of the whole

    username = factory.Sequence(lambda number: f"user-{number}")
    password = Password(None)
    broker = factory.SubFactory(BrokerFactory)
    is_staff = True


class ApiKeyFactory(DjangoModelFactory):  # type: ignore[misc]
    """A key whose secret nobody knows. `ApiKey.objects.issue` gives the secret too."""

    class Meta:
        model = ApiKey

    broker = factory.SubFactory(BrokerFactory)
    name = "TEvo"

    @classmethod
    def _create(cls, *_: Any, **fields: Any) -> ApiKey:
        return ApiKey.objects.issue(**fields)[0]


class EventFactory(DjangoModelFactory):  # type: ignore[misc]
    class Meta:
        model = Event

    broker = factory.SubFactory(BrokerFactory)
    name = factory.Sequence(lambda number: f"Event {number}")
    venue = "Madison Square Garden"
    date = factory.LazyFunction(lambda: date.today() + timedelta(days=60))  # noqa: DTZ011


class TicketGroupFactory(DjangoModelFactory):  # type: ignore[misc]
    """Six numbered seats, 7 to 12; with seats=[] and a quantity, general admission."""

    class Meta:
        model = TicketGroup

    broker = factory.SubFactory(BrokerFactory)
    event = factory.SubFactory(EventFactory, broker=factory.SelfAttribute("..broker"))
    remote_id = factory.Sequence(lambda number: f"r-{number}")
    section = "211"
    row = "15"
    seats = factory.LazyFunction(lambda: ["7", "8", "9", "10", "11", "12"])
    quantity = factory.LazyAttribute(lambda group: len(group.seats))
    price = Decimal("40.00")

    @classmethod
    def _create(cls, *_: Any, **fields: Any) -> TicketGroup:
        # Not validated first: that is a query for each constraint, and the database judges anyway.
        group = TicketGroup(**fields)
        with transaction.atomic():
            stock_changes.put_in(group, caller=Caller("command tests"))
        return group


# What a copy of a ticket group has from it. None of them is the factory's or the model's own.
COPIED = {
    "section": "9",
    "row": "AA",
    "price": Decimal("75.50"),
    "cost": Decimal("30.00"),
    "face_value": Decimal("50.00"),
    "split_rule": "custom",
    "split_quantities": [2, 4],
    "stock_type": "HARD",
    "public_notes": "Aisle",
    "internal_notes": "Ask Ann",
    "on_sale": False,
}


def copied_facts(group: TicketGroup) -> dict[str, Any]:
    """What a copy of a ticket group must have in common with it."""
    return {name: getattr(group, name) for name in (*COPIED, "event_id", "broker_id", "listed")}


def place_hold(group: TicketGroup, quantity: int = 2, global_id: str = "g-1") -> Hold:
    """A hold, placed by the service of the call."""
    holds.place(
        broker_id=group.broker_id,
        remote_id=group.remote_id,
        quantity=quantity,
        global_id=global_id,
        caller=Caller("command tests"),
    )
    return Hold.objects.get(global_id=global_id)
