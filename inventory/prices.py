"""The ways to change the price of a ticket group."""

from decimal import ROUND_HALF_UP, Decimal

from django.db import models

CENT = Decimal("0.01")


class PriceChange(models.TextChoices):
    """How a price is changed. The amount is always given without a sign."""

    SET = "set", "Set to the amount"
    RAISE_PERCENT = "raise_percent", "Raise by percent"
    LOWER_PERCENT = "lower_percent", "Lower by percent"
    RAISE = "raise", "Raise by the amount"
    LOWER = "lower", "Lower by the amount"

    def of(self, price: Decimal, by: Decimal) -> Decimal:
        """Return what `price` becomes when it is changed by an amount or percentage `by`.

        The result is rounded to cents, with half a cent rounded away from zero.
        """
        match self:
            case PriceChange.SET:
                changed = by
            case PriceChange.RAISE_PERCENT:
                changed = price + price * by / 100
            case PriceChange.LOWER_PERCENT:
                changed = price - price * by / 100
            case PriceChange.RAISE:
                changed = price + by
            case PriceChange.LOWER:
                changed = price - by
        return changed.quantize(CENT, ROUND_HALF_UP)


def money(amount: Decimal | None, currency: str) -> str:
    """Return an amount as people read it, such as `1,600.00 USD`, or a dash for None."""
    return "-" if amount is None else f"{amount:,.2f} {currency}"
