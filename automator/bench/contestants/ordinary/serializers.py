"""The serializers of the ordinary DRF contestant."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from automator.bench.contestants.ordinary.models import Hold, Invoice


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """A hold, in both directions."""

    remote_id = serializers.CharField(source="group.remote_id", max_length=128)
    status = serializers.CharField(source="state", read_only=True)
    section = serializers.CharField(source="group.section", read_only=True)
    row = serializers.CharField(source="group.row_name", read_only=True)
    seats = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()
    currency = serializers.CharField(source="broker.currency", read_only=True)

    class Meta:
        model = Hold
        fields = (
            *("global_id", "remote_id", "quantity", "status", "section", "row", "seats"),
            *("unit_price", "total", "currency", "expires_at", "order_id"),
        )
        read_only_fields = ("unit_price", "expires_at", "order_id")
        extra_kwargs = {"quantity": {"min_value": 1}}

    def get_seats(self, hold: Hold) -> list[str]:
        """Return the labels of the seats."""
        return list(hold.group.seats[hold.positions.lower : hold.positions.upper])

    def get_total(self, hold: Hold) -> str:
        """Return the price of all tickets."""
        return str(Decimal(hold.unit_price) * hold.quantity)


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """A sale, in both directions."""

    global_id = serializers.CharField(source="hold.global_id", max_length=128)
    order_id = serializers.CharField(max_length=128)

    class Meta:
        model = Invoice
        fields = ("order_id", "global_id", "quantity", "total", "invoiced_at")
        read_only_fields = ("quantity", "total", "invoiced_at")

    def to_representation(self, instance: Invoice) -> dict[str, Any]:
        """Return the invoice with the facts of its hold."""
        return {**HoldSerializer(instance.hold).data, **super().to_representation(instance)}
