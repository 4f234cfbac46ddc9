"""Imports a broker's book: checks the whole file first, then applies it in short batches."""

import contextlib
import os
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, make_aware

from automator.management.brokers import broker_named
from holds.imports import applying, checking
from holds.imports.locks import ImportInProgress
from holds.imports.preview import FIRST, changed
from inventory.book import FORMATS
from inventory.database_errors import first_line
from inventory.models import Caller
from inventory.models.imports import Import, ImportState, Quantities, Verdict
from inventory.transactions import DATABASE_UNAVAILABLE

CALLER = Caller("command import_inventory")


def readable(text: str) -> Path:
    """Convert an argument to the path of a file.

    Raises:
        ArgumentTypeError: there is no such file.
    """
    path = Path(text)
    if not path.is_file():
        raise ArgumentTypeError(f"there is no file {text}")
    return path


def moment(text: str) -> datetime:
    """Convert an argument to a time, which is in the server's time zone if it has no offset.

    Raises:
        ArgumentTypeError: it is not a date with a time.
    """
    try:
        found = parse_datetime(text.replace(" UTC", "Z"))
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text} is not a time such as 2026-11-23T18:04:05Z")
    return found if is_aware(found) else make_aware(found)


def why(job: Import) -> str:
    """Return why an import stopped before its end, and what to do."""
    if job.state == ImportState.SUPERSEDED:
        return "a newer book replaced it."
    if job.state == ImportState.LOST:
        return job.problem
    if job.state == ImportState.DRY_RUN:
        return "somebody discarded it in the admin."
    return (
        "calls keep the other ticket groups locked, or a newer book is being checked. "
        "Run the same command again."
    )


class Command(BaseCommand):
    """Imports a book. Repeating an import is safe, since unchanged rows are not written."""

    help = "Import a broker's book from a CSV file of a point-of-sale system."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the broker, the file, and how to read it."""
        parser.add_argument("broker", metavar="BROKER", help="the broker's name")
        parser.add_argument("file", metavar="FILE", type=readable)
        parser.add_argument(
            "--format", choices=sorted(FORMATS), help="default: recognised by the headers"
        )
        parser.add_argument(
            "--snapshot",
            action="store_true",
            help="the file is the whole book: ticket groups that it lacks are taken off sale",
        )
        parser.add_argument(
            "--confirm",
            action="store_true",
            help="confirm in advance a snapshot that is empty or has fewer than half of the listed"
            " ticket groups, and tickets that become free and are not free now",
        )
        parser.add_argument(
            "--as-of",
            type=moment,
            metavar="MOMENT",
            help="the time whose inventory the file describes, such as 2026-11-23T18:04:05Z"
            " (default: the time that an export contains, or else when the file was written)",
        )
        parser.add_argument(
            "--quantities",
            choices=Quantities.values,
            default=Quantities.ALL.value,
            help="what quantities of tickets without seat numbers count: all tickets, or only the"
            " free ones (default: %(default)s)",
        )
        parser.add_argument(
            "--strict", action="store_true", help="refuse the whole file if one row is refused"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would change, without changing it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the file, apply it, and print what happened.

        Raises:
            CommandError: the broker is unknown, another file of the broker is being checked, the
                file is refused as a whole, or the import stopped before its end.
        """
        try:
            job = self.checked(options)
        except ImportInProgress as error:
            raise CommandError(str(error)) from error
        except DATABASE_UNAVAILABLE as error:
            raise CommandError(f"Nothing was changed: {first_line(error)}.") from error
        self.report(job)
        if job.state == ImportState.SUPERSEDED:
            raise CommandError("Nothing was changed: a newer book replaced it.")
        if job.state == ImportState.REFUSED:
            raise CommandError(f"{job.problem} Nothing was changed.")
        if options["dry_run"]:
            # If this fails, the next import of the broker drops it.
            with contextlib.suppress(*DATABASE_UNAVAILABLE):
                applying.drop(job)
            self.stdout.write("A dry run: nothing was changed.")
            return
        try:
            applying.apply(job, caller=CALLER, progress=self.progress)
        except DATABASE_UNAVAILABLE as error:
            raise CommandError(
                f"Stopped after {job.applied} of {job.to_apply} by the database:"
                f" {first_line(error)}. What was applied remains. Run the same command again."
            ) from error
        finally:
            self.progress("", 0, 0)
        if job.state != ImportState.DONE:
            raise CommandError(f"Stopped after {job.applied} of {job.to_apply}: {why(job)}")
        self.stdout.write(f"Applied {job.applied} of {job.to_apply}.")

    def checked(self, options: dict[str, Any]) -> Import:
        """Check the file, and return its import. The errors are those of `checking.check`."""
        broker = broker_named(options["broker"])
        with options["file"].open("rb") as stream:
            return checking.check(
                stream,
                broker=broker,
                file_name=os.fsencode(options["file"].name).decode(errors="replace"),
                asked_by=CALLER.name,
                format=options["format"],
                snapshot=options["snapshot"],
                strict=options["strict"],
                quantities=Quantities(options["quantities"]),
                as_of=options["as_of"],
                modified=datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC),
                confirmed=options["confirm"],
                may_wait=False,
                dry_run=options["dry_run"],
                progress=self.progress,
            )

    def report(self, job: Import) -> None:
        """Print the counts of the file, and the first of its differences and refused rows."""
        self.progress("", 0, 0)
        if same := checking.same_file(job):
            self.stdout.write(
                f"This is the same file as the import of {same.started_at:%Y-%m-%d %H:%M:%S} UTC,"
                " which was applied."
            )
        if job.ignored:
            self.stdout.write(f"Unknown columns, ignored: {', '.join(job.ignored)}.")
        if job.not_kept:
            self.stdout.write(f"Known columns that are not kept: {', '.join(job.not_kept)}.")
        refused = job.rows.filter(verdict=Verdict.REFUSED)
        for row in refused[:FIRST]:
            self.stderr.write(f"line {row.line}: {' '.join(row.problems)}")
        if job.refused > FIRST:
            self.stderr.write(f"and {job.refused - FIRST} more refused rows; the admin has them.")
        if job.state == ImportState.CHECKED and (growing := checking.growth(job)):
            self.stdout.write(growing)
        for change in changed(job):
            facts = [f"{fact.field} {fact.was} → {fact.becomes}" for fact in change.differences]
            said = change.refusal or ", ".join(facts)
            self.stdout.write(f"line {change.row.line}: {change.row.remote_id}: {said}")
        if job.format:
            self.stdout.write(
                f"{job.format}: {job.rows_read} rows: {job.new} new, {job.changed} changed,"
                f" {job.unchanged} unchanged, {job.refused} refused"
                + (f"; {job.vanished} vanished from the book." if job.snapshot else ".")
            )

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show the progress if standard error is a terminal; an empty stage clears the line."""
        if not self.stderr.isatty():
            return
        text = stage
        if stage and total:
            full = 30 * done // total
            text = f"{stage} [{'#' * full}{'.' * (30 - full)}] {done} of {total}"
        elif stage:
            text = f"{stage} {done} rows"
        self.stderr.write(f"\r\033[K{text}", str, ending="")
        self.stderr.flush()
