"""The broker that a command is told to work for."""

from django.core.management.base import CommandError

from inventory.models import Broker


def broker_named(name: str) -> Broker:
    """The broker, or a CommandError that helps to find it."""
    broker = Broker.objects.filter(name=name).first()
    if broker:
        return broker
    names = ", ".join(Broker.objects.values_list("name", flat=True))
    there_are = f"There are: {names}." if names else "There is none yet: manage.py create_broker."
    raise CommandError(f"There is no broker named {name!r}. {there_are}")
