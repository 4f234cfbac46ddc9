"""The audit: recomputes counters, claims, the ledger and invoices and compares them.

`checks` has the rules, and `comparison` runs them in one snapshot of the database.
"""

from automator.audit.comparison import differences, extent, snapshot

__all__ = ["differences", "extent", "snapshot"]
