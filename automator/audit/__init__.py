"""The audit: recomputes counters, claims, the ledger and invoices and compares them.

`checks` has the rules, and `runner` runs them in one snapshot of the database.
"""

from automator.audit.runner import differences, extent, snapshot

__all__ = ["differences", "extent", "snapshot"]
