"""The command that expires overdue holds. The calls work correctly without it as well."""

import logging
import signal
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import ngettext

from holds.models import Hold
from holds.sweep import Sweep
from inventory.database_errors import first_line
from inventory.models import Caller
from inventory.transactions import OutcomeUnknown

logger = logging.getLogger("holds.expire_holds")

CALLER = Caller("command expire_holds")
PAUSE = 0.02  # seconds between batches, so that calls that wait for a lock can get it
LOOK = 0.2  # seconds within which a signal to stop is noticed
MOST_REPORTED = 20  # ticket groups named in one report
# The database is unavailable, read-only, not migrated, or was lost at COMMIT. The next round may
# succeed.
DATABASE_ERRORS = (DatabaseError, InterfaceError, OutcomeUnknown)


def at_least_one(text: str) -> int:
    """Parse an argument that is a whole number of at least 1.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


class Command(BaseCommand):
    """Expires overdue holds. It may run often, or several times at once, and may be killed."""

    help = "Expire the overdue holds. A hold call that needs their tickets expires them itself."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of the command."""
        parser.add_argument(
            "--dry-run", action="store_true", help="print what is overdue and change nothing"
        )
        parser.add_argument(
            "--batch",
            type=at_least_one,
            default=100,
            metavar="N",
            help="number of holds in one transaction (default: %(default)s)",
        )
        parser.add_argument(
            "--every",
            type=at_least_one,
            metavar="SECONDS",
            help="repeat until stopped, with this pause between two rounds",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Expire overdue holds once, or repeatedly with `--every`.

        Raises:
            CommandError: the options contradict each other; or, without `--every`, the database
                cannot be used or some ticket groups could not be changed.
        """
        if options["dry_run"] and options["every"]:
            raise CommandError("--dry-run looks once: leave --every out.")
        self.stopped = False
        sweep = Sweep(batch=options["batch"], caller=CALLER)
        if options["every"]:
            with self.stoppable():
                self.go_on(sweep, options["every"])
            return
        try:
            self.look() if options["dry_run"] else self.say(self.expire(sweep))
        except DATABASE_ERRORS as error:
            raise CommandError(f"The database cannot be used: {first_line(error)}.") from error
        if sweep.failed:
            raise CommandError(failures(sweep))

    def look(self) -> None:
        """Print the holds that are overdue by the database's clock, the longest overdue first."""
        overdue = Hold.objects.overdue().select_related("broker").order_by("expires_at", "id")
        holds = 0
        for hold in overdue.iterator():
            holds += 1
            self.stdout.write(
                f"{hold.global_id} of {hold.broker}: {hold.quantity} of {hold.remote_id},"
                f" overdue since {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        said = ngettext("%d hold would be expired.", "%d holds would be expired.", holds) % holds
        self.say(said if holds else "Nothing is overdue.")

    def expire(self, sweep: Sweep) -> str:
        """Expire all overdue holds, and return a sentence that says how many there were."""
        expired = batches = 0
        for some in sweep.round():
            expired, batches = expired + some, batches + 1
            if batches > 1 and self.stderr.isatty():
                self.stderr.write(f"\r{told(expired)} …", str, ending="")
                self.stderr.flush()
            if self.stopped:
                break
            time.sleep(PAUSE)
        if batches > 1 and self.stderr.isatty():
            self.stderr.write("\r\033[K", str, ending="")
        if left := sweep.left():
            return f"{told(expired)}, {left} left for the next round."
        return f"{told(expired)}." if expired else "Nothing was overdue."

    def go_on(self, sweep: Sweep, every: int) -> None:
        """Expire overdue holds in rounds until stopped, even if the database is unavailable.

        Each round writes a line to the log and not to standard output, since this runs as a
        service.
        """
        while not self.stopped:
            try:
                logger.info(self.expire(sweep))
                if sweep.failed:
                    logger.error(failures(sweep))
            except DATABASE_ERRORS as error:
                connection.close()
                logger.warning(
                    "The database cannot be used, trying again in %s s: %s",
                    every,
                    first_line(error),
                )
            self.rest(every)
        logger.info("Stopped.")

    def rest(self, seconds: int) -> None:
        """Sleep for some seconds, or until stopped."""
        due = time.monotonic() + seconds
        while not self.stopped and time.monotonic() < due:
            time.sleep(LOOK)

    def say(self, line: str) -> None:
        """Print a line, and flush it so that it is not buffered in a pipe."""
        self.stdout.write(line)
        self.stdout.flush()

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let SIGTERM and Ctrl-C stop the work after the current batch."""
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            for each in before:
                signal.signal(each, self.stop)
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the current batch."""
        self.stopped = True


def told(expired: int) -> str:
    """Return how many holds have expired, in words."""
    return ngettext("%d hold expired", "%d holds expired", expired) % expired


def failures(sweep: Sweep) -> str:
    """Return a report of the groups whose holds could not be expired, with a line for each."""
    groups = len(sweep.failed)
    counted = ngettext("%d ticket group", "%d ticket groups", groups) % groups
    named = list(sweep.failed.items())[:MOST_REPORTED]
    lines = [f"  ticket group {group_id}: {reason}" for group_id, reason in named]
    if groups > MOST_REPORTED:
        lines.append(f"  and {groups - MOST_REPORTED} more")
    return "\n".join([f"The overdue holds of {counted} could not be expired:", *lines])
