"""Makes an API key for a marketplace."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from automator.management.brokers import broker_named
from automator.models import ApiKey


class Command(BaseCommand):
    """Prints only the key on standard output, so that it can be redirected to a secret store."""

    help = "Make an API key and print it on standard output. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the broker, and the limits of the key."""
        parser.add_argument("broker", metavar="BROKER", help="the broker's name")
        parser.add_argument("--name", default="", help="who gets the key, and what it is for")
        parser.add_argument(
            "--expires",
            metavar="DATE",
            help="last day (2027-03-31, in UTC) or an ISO 8601 time (default: never)",
        )
        parser.add_argument(
            "--networks",
            metavar="CIDR,...",
            help="networks that the key may be used from (default: anywhere)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key and print it.

        Raises:
            CommandError: there is no such broker, or a limit is not valid.
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
            f"API key {key} of {broker}: valid {until}, from {', '.join(networks) or 'anywhere'}. "
            "It is shown only once.",
            str,
        )
        self.stdout.write(whole)


def end_of(expires: str | None) -> datetime | None:
    """Return the time at which a key with that --expires ends, or None if it never does.

    A date ends after that day in UTC. A time without an offset is in UTC.

    Raises:
        CommandError: the text is neither a date nor a time, or it is in the past.
    """
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
    """Return the end of a day in UTC, or None if the text is not a date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def split(networks: str | None) -> list[str]:
    """Return the networks of a list that is separated by commas; none if it is None.

    Raises:
        CommandError: the list is empty, which is more likely a mistake than a wish for no limit.
    """
    if networks is None:
        return []
    found = [network.strip() for network in networks.split(",") if network.strip()]
    if not found:
        raise CommandError("--networks is empty. Omit it for a key that works from anywhere.")
    return found
