"""The command `create_broker`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.limits import LONGEST_HOLD_LIFETIME
from inventory.models import Broker
from inventory.services import create_broker


class Command(BaseCommand):
    """Creates a broker. Its first API key is made with `create_api_key`."""

    help = "Creates a broker."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the broker's name, and options for the policies that have defaults."""
        usual = {field.name: field.get_default() for field in Broker._meta.concrete_fields}
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--hold-lifetime",
            type=int,
            metavar="SECONDS",
            default=usual["hold_lifetime"],
            help=f"How long a hold lasts, in seconds, from 1 to {LONGEST_HOLD_LIFETIME} "
            "(default: %(default)s).",
        )
        parser.add_argument(
            "--currency",
            metavar="CODE",
            default=usual["currency"],
            help="The currency of all prices, as an ISO 4217 code (default: %(default)s).",
        )
        parser.add_argument(
            "--time-zone",
            metavar="ZONE",
            default=usual["time_zone"],
            help="The time zone of new events (default: %(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the broker and print its policies.

        Raises:
            CommandError: there is a broker of that name already, or an option is not valid.
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
            f"Created the broker {broker}: holds last {broker.hold_lifetime} seconds, prices are "
            f"in {broker.currency}, times in {broker.time_zone}."
        )
