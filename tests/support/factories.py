"""Rows for tests: one factory a model. What has a service is made by that service."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.db import transaction
from factory.django import DjangoModelFactory, Password

from automator.models import ApiKey, User
from inventory import stock
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
            stock.put_in(group, caller=Caller("command tests"))
        return group
