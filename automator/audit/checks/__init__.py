"""The rules that the audit checks, each as a query for the rows that break it.

Importing this package registers all of them in CHECKS.
"""

from automator.audit.checks import claims, counters_and_ledger, sales  # noqa: F401  registers the checks
from automator.audit.checks.registry import CHECKS, Check

__all__ = ["CHECKS", "Check"]
