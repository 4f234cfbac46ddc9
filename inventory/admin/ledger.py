"""The admin pages of the ledger, which is read-only."""

from django.contrib import admin
from django.utils.safestring import SafeString

from inventory import seat_text
from inventory.admin.formatting import link_to_group
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.models import LedgerEntry


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OwnRowsAdmin):
    """Shows the ledger. Nobody can add, change or delete an entry."""

    list_display = (
        *("at", "remote_id", "effect", "tickets", "seat_labels", "global_id"),
        *("free_after", "held", "sold", "asked_by", "request_id"),
    )
    list_filter = ("effect",)
    list_select_related = ("group", "broker")
    search_fields = ("global_id", "group__remote_id", "request_id")
    search_help_text = "Global id, remote id or request id"
    fields = (
        *("at", "ticket_group", "number", "effect", "tickets", "seat_labels", "global_id"),
        *("quantity", "free_after", "held", "sold", "asked_by", "request_id"),
    )
    empty_text = "Nothing has happened yet. Every effect on a ticket group is recorded here."

    @admin.display(description="remote id", ordering="group__remote_id")
    def remote_id(self, entry: LedgerEntry) -> str:
        return entry.group.remote_id

    @admin.display(description="ticket group")
    def ticket_group(self, entry: LedgerEntry) -> SafeString:
        return link_to_group(entry.group)

    @admin.display(description="seats")
    def seat_labels(self, entry: LedgerEntry) -> str:
        return seat_text.written(entry.seats) or "-"

    @admin.display(description="free after")
    def free_after(self, entry: LedgerEntry) -> int:
        return entry.quantity - entry.held - entry.sold
