"""The wire format of invoice calls. Their field names are defined here and nowhere else."""

from typing import Any

from rest_framework import serializers

from holds.serializers import InstantField, WireIdField


class InvoiceCall(serializers.Serializer[Any]):
    """What an invoice call sends."""

    order_id = WireIdField()
    global_id = WireIdField()


class InvoicePath(serializers.Serializer[Any]):
    """The order id in the path of a look-up."""

    order_id = WireIdField()


class InvoiceLine(serializers.Serializer[Any]):
    """A sale of one hold. It is made from a dictionary with the `invoice`."""

    order_id = serializers.CharField(source="invoice.order_id")
    global_id = serializers.CharField(source="invoice.hold.global_id")
    remote_id = serializers.CharField(source="invoice.hold.remote_id")
    quantity = serializers.IntegerField(source="invoice.quantity", min_value=1)
    status = serializers.ChoiceField(source="invoice.hold.state", choices=["invoiced", "voided"])
    buyer = serializers.CharField(source="invoice.buyer")
    section = serializers.CharField(source="invoice.hold.section")
    row = serializers.CharField(source="invoice.hold.row")
    seats = serializers.ListField(source="invoice.hold.seats", child=serializers.CharField())
    unit_price = serializers.DecimalField(
        source="invoice.unit_price", max_digits=9, decimal_places=2
    )
    total = serializers.DecimalField(source="invoice.total", max_digits=14, decimal_places=2)
    currency = serializers.CharField(source="invoice.currency")
    late = serializers.BooleanField(source="invoice.late")
    invoiced_at = InstantField(source="invoice.invoiced_at")


class InvoiceAnswer(InvoiceLine):
    """A sale, as an invoice call answers it.

    It is made from a dictionary with the `invoice`, the `request_id`, and the `exception_id` where
    there is one.
    """

    exception_id = serializers.CharField(
        required=False,
        help_text="Present only where the call has recorded an exception for staff.",
    )
    request_id = serializers.CharField()


class OrderAnswer(serializers.Serializer[Any]):
    """All sales of one order id."""

    order_id = serializers.CharField()
    invoices = InvoiceLine(many=True)
    request_id = serializers.CharField()


# Serializers keep no state between calls, and making one costs more than using it.
INVOICE_CALL, INVOICE_PATH = InvoiceCall(), InvoicePath()
INVOICE_ANSWER, ORDER_ANSWER = InvoiceAnswer(), OrderAnswer()
