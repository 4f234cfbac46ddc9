"""Audits counters, claims, the ledger and invoices by recomputing them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils.translation import ngettext

from automator import audit
from automator.audit.checks import Check
from inventory.database_errors import first_line


class Command(BaseCommand):
    """Audits a snapshot of the database, and may run at any time, since it blocks no call."""

    help = "Recompute all counters, claims and ledgers, and print each difference."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each difference, or that there is none.

        Raises:
            CommandError: there are differences (exit code 1), the database cannot be used (2), or
                it has no ticket groups (3) and is therefore probably the wrong one.
        """
        found = 0
        try:
            with audit.snapshot():
                for difference in audit.differences(about_to=self.progress):
                    found += 1
                    self.stdout.write(f"{difference.check}: {difference.line}")
                groups, holds, entries = audit.extent()
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            reason = f"The database cannot be used: {first_line(error)}."
            raise CommandError(reason, returncode=2) from error
        finally:
            self.progress(None)
        extent = ", ".join(
            (
                ngettext("%d ticket group", "%d ticket groups", groups) % groups,
                ngettext("%d hold", "%d holds", holds) % holds,
                ngettext("%d ledger entry", "%d ledger entries", entries) % entries,
            )
        )
        if found:
            differences = ngettext("%d difference", "%d differences", found) % found
            raise CommandError(f"{extent}: {differences}.")
        if not groups:
            raise CommandError(f"{extent}: there is nothing to audit.", returncode=3)
        self.stdout.write(f"{extent}: everything agrees.")

    def progress(self, check: Check | None) -> None:
        """Show the running check if standard error is a terminal; None clears the line."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\033[K{check.name + ' …' if check else ''}", str, ending="")
            self.stderr.flush()
