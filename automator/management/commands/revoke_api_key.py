"""Revokes an API key."""

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automator.models import KEY_PREFIX, ApiKey

# A key id, or a whole key that was pasted by mistake.
KEY_ID = re.compile(rf"(?:{KEY_PREFIX}_)?([0-9A-Za-z]{{1,16}})(?:_\w*)?")


class Command(BaseCommand):
    """Revokes a key. The next call with it is answered 401."""

    help = "Revoke an API key. Further calls with it are refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the key id."""
        parser.add_argument("key_id", metavar="KEYID", help="the part of the key between the _")

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke the key. It is not an error if it was revoked before.

        Raises:
            CommandError: there is no such key.
        """
        found = KEY_ID.fullmatch(options["key_id"].strip())
        if not found:  # not repeated, since it may be a secret
            raise CommandError(
                "That is not a key id. The key id is the part of a key between the two _."
            )
        keys = ApiKey.objects.filter(key_id=found[1])
        now_revoked = keys.revoke()
        key = keys.select_related("broker").first()
        if key is None:
            raise CommandError(f"There is no API key with the id {found[1]}.")
        if now_revoked:
            self.stdout.write(f"Revoked the API key {key} of {key.broker}.")
        else:
            self.stdout.write(
                f"The API key {key} of {key.broker} was revoked before, "
                f"at {key.revoked_at:%Y-%m-%d %H:%M:%S} UTC."
            )
