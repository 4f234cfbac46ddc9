"""A new tenant."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.models import Broker
from inventory.services import create_broker


class Command(BaseCommand):
    """Make a broker; an API key for it is the next step."""

    help = "Make a broker."

    def add_arguments(self, parser: CommandParser) -> None:
        """The name, and the policies that differ from the usual ones."""
        usual = {field.name: field.get_default() for field in Broker._meta.concrete_fields}
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--hold-lifetime",
            type=int,
            metavar="SECONDS",
            default=usual["hold_lifetime"],
            help="until a hold is overdue, 1 to 86400 (default: %(default)s)",
        )
        parser.add_argument(
            "--currency",
            metavar="CODE",
            default=usual["currency"],
            help="of all prices, ISO 4217 (default: %(default)s)",
        )
        parser.add_argument(
            "--time-zone",
            metavar="ZONE",
            default=usual["time_zone"],
            help="of events whose own is not known (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say so.

        Raises:
            CommandError: there is such a broker, or an option is not what it must be.
        """
        name = options["name"].strip()
        if Broker.objects.filter(name=name).exists():
            raise CommandError(f"There is a broker named {name} already.")
        policies = {key: options[key] for key in ("hold_lifetime", "currency", "time_zone")}
        try:
            broker = create_broker(name=name, **policies)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            f"Made the broker {broker}: holds live {broker.hold_lifetime} seconds, prices are in "
            f"{broker.currency}, times in {broker.time_zone}."
        )
