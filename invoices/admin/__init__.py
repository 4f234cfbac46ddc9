"""Admin pages of invoices: the list, the void action, and the pages on which staff sell tickets."""

from invoices.admin import invoices  # noqa: F401  registers its pages
