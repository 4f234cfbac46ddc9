"""Admin actions that reprice ticket groups and put them on or off sale, without changing claims."""

from typing import Any

from django.http import HttpRequest

from inventory import services
from inventory.admin.confirmation import asked_first
from inventory.admin.forms import PriceForm
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.models import TicketGroup
from inventory.prices import money

COLUMNS = (
    *("remote_id", "event_and_when", "section", "row", "seat_labels", "free_tickets", "held"),
    *("sold", "asking_price", "on_sale"),
)


class GroupActions(OwnRowsAdmin):
    """Adds these actions to the admin of ticket groups."""

    actions = ("change_prices", "put_on_sale", "take_off_sale")

    @asked_first(
        title="Change prices",
        warning="New holds are made at the new prices. Tickets that are held keep the price of "
        "their hold, and tickets that are sold keep the price of their invoice. A group whose "
        "price has changed since this page was opened is left as it is.",
        columns=COLUMNS,
        form=PriceForm,
        seen="price",
    )
    def change_prices(
        self, request: HttpRequest, group: TicketGroup, answers: dict[str, Any]
    ) -> str:
        """Change the asking price of a group, and return a sentence with both prices.

        Raises:
            Refusal: the price has changed since the page was opened, or `reprice` refuses.
        """
        if str(group.price) != answers["seen"]:
            raise services.price_changed(group.price)
        price = services.reprice(group.pk, answers["change"], answers["by"], seen=group.price)
        currency = group.broker.currency
        return f"Price changed from {money(group.price, currency)} to {money(price, currency)}."

    @asked_first(
        title="Put on sale",
        warning="The marketplace can hold the free tickets of these groups at once. A group that "
        "is not in your latest book is not for sale until a book has it again.",
        columns=COLUMNS,
    )
    def put_on_sale(self, request: HttpRequest, group: TicketGroup, answers: dict[str, Any]) -> str:
        """Put a group on sale, and return a sentence that says so.

        Raises:
            Refusal: the group is on sale already.
        """
        if not services.put_on_sale(group.pk, on_sale=True).listed:
            return "On sale, but not in your latest book. It is for sale once a book has it."
        return "On sale."

    @asked_first(
        title="Take off sale",
        warning="New holds are refused from now on. Holds and sales stay as they are, so tickets "
        "that are held can still be invoiced. Release the holds first if that must not happen.",
        columns=COLUMNS,
    )
    def take_off_sale(
        self, request: HttpRequest, group: TicketGroup, answers: dict[str, Any]
    ) -> str:
        """Take a group off sale, and return a sentence with how many tickets are still held.

        Raises:
            Refusal: the group is off sale already.
        """
        off = services.put_on_sale(group.pk, on_sale=False)
        kept = f" Still held: {off.held}." if off.held else ""
        return f"Off sale.{kept}"
