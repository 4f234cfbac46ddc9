"""What the books must satisfy: counters, claims, the ledger and invoices against each other."""

from automator.audit.checks import claims, sales, ticket_groups  # noqa: F401  they add checks
from automator.audit.checks.check import CHECKS, Check

__all__ = ["CHECKS", "Check"]
