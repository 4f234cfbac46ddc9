"""Invoices in the admin."""

from invoices.admin import invoices  # noqa: F401  registers its pages
