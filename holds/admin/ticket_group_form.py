"""The form that changes a ticket group. It is validated under the lock, against the claims."""

from typing import Any

from django.core.exceptions import ValidationError

from holds.restock import claims_of
from inventory import seat_text, stock_changes
from inventory.admin.forms import ChangedAsSeen, TicketGroupForm
from inventory.models import TicketGroup
from inventory.stock_rules import Claim, Contradiction

# The fields that a marketplace was told when it held tickets.
PLACE = ("event", "section", "row")
STOCK = ("seats", "quantity")


class ChangedTicketGroupForm(ChangedAsSeen, TicketGroupForm):
    """Changes a ticket group in ways that neither remove, move nor separate claimed tickets.

    Validation locks the group until the transaction ends. `locked` is the group as it is then, and
    `claims` are its live claims.
    """

    locked: TicketGroup
    claims: list[Claim]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.seats:
            self.initial["quantity"] = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.locked = TicketGroup.objects.lock(self.instance.pk)
        self.claims = claims_of([self.instance.pk]).get(self.instance.pk, [])
        moved = [name for name in PLACE if name in self.changed_data and name in cleaned]
        if moved:
            self._clean_place(moved, cleaned)
        if self.restocked():
            self._clean_changed_stock(cleaned)
        else:
            cleaned["seats"], cleaned["quantity"] = self.locked.seats, self.locked.quantity
        if "stride" in self.changed_data:
            self.clean_spacing(cleaned, cleaned.get("seats", []))
        return cleaned

    def restocked(self) -> bool:
        """Return whether the user has changed the seats or the quantity."""
        return any(name in self.changed_data for name in STOCK)

    def _clean_place(self, moved: list[str], cleaned: dict[str, Any]) -> None:
        place = {name: getattr(self.locked, name) for name in PLACE}
        place |= {name: cleaned[name] for name in moved}
        try:
            stock_changes.require_place(
                self.locked,
                self.claims,
                event_id=place["event"].pk,
                section=place["section"],
                row=place["row"],
            )
        except Contradiction as error:
            self.add_error(moved[0], str(error))

    def _clean_changed_stock(self, cleaned: dict[str, Any]) -> None:
        if {*STOCK} & self.errors.keys():
            return
        if self._seen() != (self.locked.seats, self.locked.quantity):
            self._refuse_older_stock()
            return
        if "quantity" not in self.changed_data and cleaned["seats"]:
            cleaned["quantity"] = None  # the group gets numbered seats now
        self.clean_stock(cleaned)
        if {*STOCK} & self.errors.keys():
            return
        try:
            stock_changes.require_stock(
                self.locked, cleaned["seats"], cleaned["quantity"], claims=self.claims
            )
        except Contradiction as error:
            self.add_error("seats" if "seats" in self.changed_data else "quantity", str(error))

    def _seen(self) -> tuple[list[str], int | None] | None:
        """Return the seats and quantity that the page showed, or None where they cannot be read."""
        shown = {name: self.data.get(self[name].html_initial_name, "") for name in STOCK}
        try:
            seats: Any = self.fields["seats"].to_python(shown["seats"])
            quantity: Any = self.fields["quantity"].to_python(shown["quantity"])
        except ValidationError:
            return None
        return seats, len(seats) or quantity

    def _refuse_older_stock(self) -> None:
        seats = seat_text.written(self.locked.seats)
        if seats:
            self.add_error(
                "seats",
                "The seats have changed since you opened this page: they are now "
                f"{seats}. Look again.",
            )
        else:
            self.add_error(
                "quantity",
                "The tickets have changed since you opened this page: they are now "
                f"{self.locked.quantity} without seat numbers. Look again.",
            )
        # The page now shows the current stock, so the form can be saved when it is sent again.
        now = {"seats": seats, "quantity": "" if seats else str(self.locked.quantity)}
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        for name, value in now.items():
            data[self[name].html_initial_name] = value
        self.data = data
