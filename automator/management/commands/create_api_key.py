"""A new API key, for a marketplace that calls for one broker."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from automator.management.brokers import broker_named
from automator.models import ApiKey


class Command(BaseCommand):
    """Prints the key alone on standard output, so that it can go straight to where it is kept."""

    help = "Make an API key and print it: alone on standard output, once and never again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose key it is, and its limits."""
        parser.add_argument("broker", metavar="BROKER", help="the broker's name")
        parser.add_argument("--name", default="", help="who gets the key, and what for")
        parser.add_argument(
            "--expires",
            metavar="DATE",
            help="last day (2027-03-31, in UTC) or an ISO 8601 time; otherwise it never expires",
        )
        parser.add_argument(
            "--networks",
            metavar="CIDR,...",
            help="addresses the key may be used from; otherwise from anywhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key.

        Raises:
            CommandError: there is no such broker, or a limit makes no sense.
        """
        broker = broker_named(options["broker"])
        expires_at = end_of(options["expires"])
        networks = split(options["networks"])
        try:
            key, whole = ApiKey.objects.issue(
                broker, name=options["name"], expires_at=expires_at, networks=networks
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        until = f"until {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else "until it is revoked"
        self.stderr.write(
            f"API key {key} of {broker}: good {until}, from {', '.join(networks) or 'anywhere'}. "
            "It is shown only this once.",
            str,
        )
        self.stdout.write(whole)


def end_of(expires: str | None) -> datetime | None:
    """When a key of that --expires ends: after the day, or at the time. A bare time is UTC's."""
    if expires is None:
        return None
    try:
        ends = day_after(expires) or datetime.fromisoformat(expires)
        if ends.tzinfo is None:
            ends = ends.replace(tzinfo=UTC)
        ends = ends.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"--expires takes a date such as 2027-03-31 or an ISO 8601 time, not {expires!r}."
        ) from error
    if ends <= timezone.now():
        raise CommandError(f"--expires is in the past: {expires}.")
    return ends


def day_after(text: str) -> datetime | None:
    """The end of a day in UTC, or None if the text is no date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def split(networks: str | None) -> list[str]:
    """The networks of a list with commas. An empty list is no wish for a key without limits."""
    if networks is None:
        return []
    found = [network.strip() for network in networks.split(",") if network.strip()]
    if not found:
        raise CommandError("--networks is empty. Leave it out for a key that works from anywhere.")
    return found
