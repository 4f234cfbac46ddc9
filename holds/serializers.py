"""The wire format of hold calls. Their field names are defined here and nowhere else."""

import re
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inventory.models.ticket_groups import validate_id

_ID = validate_id.regex
CANONICAL = re.compile(r"[1-9][0-9]{0,17}")


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-.0-~]+$"},
            {"type": "integer"},
        ]
    }
)
class WireIdField(serializers.Field[str, Any, str, Any]):
    """An opaque id: 1 to 128 printable ASCII characters, or a JSON integer as its decimal string.

    An id is case-sensitive and is never trimmed.
    """

    default_error_messages = {
        "invalid": "Must be 1 to 128 printable ASCII characters with no space and no slash, "
        "or an integer."
    }

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        if not isinstance(data, str) or not _ID.match(data):  # type: ignore[union-attr]
            self.fail("invalid")
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
        ]
    }
)
class QuantityField(serializers.Field[int, Any, int, Any]):
    """A number of tickets: a JSON integer of at least 1, or its canonical decimal string."""

    default_error_messages = {"invalid": "Must be an integer of at least 1."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and CANONICAL.fullmatch(data):
            return int(data)
        if not isinstance(data, int) or isinstance(data, bool) or data < 1:
            self.fail("invalid")
        return int(data)


@extend_schema_field({"type": "string", "format": "date-time"})
class InstantField(serializers.Field[Any, Any, str, Any]):
    """A time as RFC 3339 in UTC, to the second."""

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class HoldCall(serializers.Serializer[Any]):
    """What a hold call sends."""

    remote_id = WireIdField()
    quantity = QuantityField()
    global_id = WireIdField()


class HoldPath(serializers.Serializer[Any]):
    """The id in the path of a release or a look-up."""

    global_id = WireIdField()


class HoldAnswer(serializers.Serializer[Any]):
    """A hold, as every call on holds answers it.

    It is made from a dictionary with the `hold`, the `status` to answer, and the `request_id`.
    """

    global_id = serializers.CharField(source="hold.global_id")
    remote_id = serializers.CharField(source="hold.remote_id", allow_null=True)
    quantity = serializers.IntegerField(source="hold.quantity", min_value=0)
    status = serializers.ChoiceField(choices=["held", "released", "expired", "invoiced", "voided"])
    section = serializers.CharField(source="hold.section", allow_null=True)
    row = serializers.CharField(source="hold.row", allow_null=True)
    seats = serializers.ListField(source="hold.seats", child=serializers.CharField())
    unit_price = serializers.DecimalField(
        source="hold.unit_price", max_digits=9, decimal_places=2, allow_null=True
    )
    total = serializers.DecimalField(
        source="hold.total", max_digits=14, decimal_places=2, allow_null=True
    )
    currency = serializers.CharField(source="hold.price_currency", allow_null=True)
    expires_at = InstantField(source="hold.expires_at", allow_null=True)
    order_id = serializers.CharField(source="hold.order_id", allow_null=True)
    request_id = serializers.CharField()


# Serializers keep no state between calls, and making one costs more than using it.
HOLD_CALL, HOLD_PATH, HOLD_ANSWER = HoldCall(), HoldPath(), HoldAnswer()
