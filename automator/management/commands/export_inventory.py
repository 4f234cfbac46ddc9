"""Exports a broker's book as a CSV file, in a format that brokers' systems read."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from automator.management.brokers import broker_named
from holds.export import Export
from inventory.book import WRITTEN


class Command(BaseCommand):
    """Prints only the file on standard output, and a summary on standard error."""

    help = "Export a broker's book as a CSV file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the broker, the format and extent of the file, and where it goes."""
        parser.add_argument("broker", metavar="BROKER", help="the broker's name")
        parser.add_argument(
            "--format",
            choices=WRITTEN,
            default=WRITTEN[0],
            help="TEvo's import file or a sync snapshot, which has more columns"
            " (default: %(default)s)",
        )
        parser.add_argument(
            "--available",
            action="store_true",
            help="export only tickets that can be bought now, without held and sold ones, and"
            " without internal columns; import such a file with --quantities free",
        )
        parser.add_argument("--output", metavar="FILE", type=Path, help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, and print a summary.

        Raises:
            CommandError: the broker is unknown, or the file cannot be written.
        """
        export = Export(
            broker_named(options["broker"]),
            format=options["format"],
            available=options["available"],
            today=timezone.localdate(),
        )
        output: Path | None = options["output"]
        try:
            self.write_file(export, output) if output else self.write_out(export)
        except BrokenPipeError as error:
            # Otherwise flushing standard output would fail at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError("The reader of standard output closed it.") from error
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        which = "available" if export.available else "in the book"
        self.stderr.write(
            f"{export.format}: {export.groups} ticket groups {which}, {export.tickets} tickets."
        )

    def write_out(self, export: Export) -> None:
        """Write to standard output, in UTF-8 regardless of the locale."""
        if hasattr(self.stdout, "reconfigure"):
            self.stdout.reconfigure(encoding="utf-8", newline="\n")
        for chunk in export:
            self.stdout.write(chunk, ending="")
        self.stdout.flush()

    def write_file(self, export: Export, output: Path) -> None:
        """Write a file atomically: until it is complete, a previous one stays in place."""
        beside = output.with_name(f"{output.name}.part")
        try:
            with beside.open("w", encoding="utf-8", newline="") as file:
                file.writelines(export)
            beside.replace(output)
        finally:
            beside.unlink(missing_ok=True)
