"""The audit: counters, claims, ledger and invoices, recomputed and compared in one snapshot."""

from automator.audit.comparison import differences, extent, snapshot

__all__ = ["differences", "extent", "snapshot"]
