"""Getting a broker's book out, in the shapes of the field."""

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
    """The file alone goes to standard output; how much is in it, to standard error."""

    help = "Export a broker's book as a CSV file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose book, which of it, and where to."""
        parser.add_argument("broker", metavar="BROKER", help="the broker's name")
        parser.add_argument(
            "--format",
            choices=WRITTEN,
            default=WRITTEN[0],
            help="TEvo's import file or a sync snapshot, which says more (default: %(default)s)",
        )
        parser.add_argument(
            "--available",
            action="store_true",
            help="only what can be bought now, holds and sales deducted, and nothing that only"
            " the broker may know; it is imported with --quantities free",
        )
        parser.add_argument("--output", metavar="FILE", type=Path, help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, then say what is in it.

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
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it fails at exit
            raise CommandError("Whoever read standard output went away.") from error
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        which = "available" if export.available else "in the book"
        self.stderr.write(
            f"{export.format}: {export.groups} ticket groups {which}, {export.tickets} tickets."
        )

    def write_out(self, export: Export) -> None:
        """Write to standard output, in UTF-8 wherever it goes."""
        if hasattr(self.stdout, "reconfigure"):
            self.stdout.reconfigure(encoding="utf-8", newline="\n")
        for chunk in export:
            self.stdout.write(chunk, ending="")
        self.stdout.flush()

    def write_file(self, export: Export, output: Path) -> None:
        """Write a file that is not there, or is the former one, until it is whole."""
        beside = output.with_name(f"{output.name}.part")
        try:
            with beside.open("w", encoding="utf-8", newline="") as file:
                file.writelines(export)
            beside.replace(output)
        finally:
            beside.unlink(missing_ok=True)
