"""Django's migrate, with retries when a table is in use."""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError

from inventory.database_errors import first_line
from inventory.transactions import is_lock_timeout

ATTEMPTS = 10
PAUSE = 3.0  # seconds between two attempts, in which waiting calls can proceed


class Command(migrate.Command):
    """Migrates with a limit of one second on each wait for a lock.

    Calls have to wait behind a migration that waits for a lock. The limit is set by
    `inventory.database`. Migrations that were applied remain, so that each attempt continues where
    the previous one failed.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, in up to ATTEMPTS attempts.

        Raises:
            CommandError: a table was in use at each attempt.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not is_lock_timeout(error):
                    raise
                reason = first_line(error)
                if attempt == ATTEMPTS:
                    raise CommandError(f"Gave up after {ATTEMPTS} attempts: {reason}.") from error
            else:
                return
            self.stderr.write(
                f"A table is in use ({reason}). Trying again in {PAUSE:.0f} s,"
                f" attempt {attempt + 1} of {ATTEMPTS}."
            )
            time.sleep(PAUSE)
