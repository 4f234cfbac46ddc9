"""The look-up of the broker that a command works for."""

from django.core.management.base import CommandError

from inventory.models import Broker


def broker_named(name: str) -> Broker:
    """Return the broker of that name.

    Raises:
        CommandError: there is none; the message lists the brokers that exist.
    """
    broker = Broker.objects.filter(name=name).first()
    if broker:
        return broker
    names = ", ".join(Broker.objects.values_list("name", flat=True))
    there_are = f"The brokers are: {names}." if names else "Make one with manage.py create_broker."
    raise CommandError(f"There is no broker named {name!r}. {there_are}")
