"""The wire format of invoice calls. Their field names are defined here and nowhere else."""

from typing import Any

from rest_framework import serializers

from holds.serializers import ExceptionIdField, InstantField, RequestIdField, WireIdField


class InvoiceCall(serializers.Serializer[Any]):
    """What an invoice call sends."""

    order_id = WireIdField()
    global_id = WireIdField()


class InvoicePath(serializers.Serializer[Any]):
    """The order id in the path of a look-up."""

    order_id = WireIdField()


class InvoiceLine(serializers.Serializer[Any]):
    """A sale of one hold."""

    order_id = serializers.CharField()
    global_id = serializers.CharField(source="hold.global_id")
    remote_id = serializers.CharField(source="hold.remote_id")
    quantity = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(choices=["invoiced", "voided"], source="hold.state")
    buyer = serializers.CharField()
    section = serializers.CharField(source="hold.section")
    row = serializers.CharField(source="hold.row")
    seats = serializers.ListField(child=serializers.CharField(), source="hold.seats")
    unit_price = serializers.DecimalField(max_digits=9, decimal_places=2)
    total = serializers.DecimalField(max_digits=14, decimal_places=2)
    currency = serializers.CharField()
    late = serializers.BooleanField()
    invoiced_at = InstantField()


class InvoiceAnswer(InvoiceLine):
    """A sale, as an invoice call answers it."""

    exception_id = ExceptionIdField()
    request_id = RequestIdField()


class OrderAnswer(serializers.Serializer[Any]):
    """All sales of one order id."""

    order_id = serializers.CharField()
    invoices = InvoiceLine(many=True)
    request_id = serializers.CharField()
