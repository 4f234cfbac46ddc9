"""The rules that the audit checks, each as a query for the rows that break it.

Importing this package registers all of them in CHECKS.
"""

from automator.audit.checks import claims, sales, ticket_groups  # noqa: F401  registers the checks
from automator.audit.checks.check import CHECKS, Check

__all__ = ["CHECKS", "Check"]
