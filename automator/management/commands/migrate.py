"""Django's migrate, which gives way to whoever uses a table, and tries again."""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError

from inventory.transactions import is_lock_timeout

ATTEMPTS = 10
PAUSE = 3.0  # seconds between two attempts, in which the calls that queued get their turn


class Command(migrate.Command):
    """Calls queue behind a migration that waits for a lock, so it waits for a second at most.

    The limit is that of `inventory.database`. What was migrated before stays done: an attempt goes
    on where the one before it failed.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate.

        Raises:
            CommandError: a table was in use at each attempt.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not is_lock_timeout(error):
                    raise
                reason = str(error).strip().partition("\n")[0]
                if attempt == ATTEMPTS:
                    raise CommandError(f"Gave up after {ATTEMPTS} attempts: {reason}.") from error
            else:
                return
            self.stderr.write(
                f"A table is in use ({reason}). Trying again in {PAUSE:.0f} s,"
                f" attempt {attempt + 1} of {ATTEMPTS}."
            )
            time.sleep(PAUSE)
