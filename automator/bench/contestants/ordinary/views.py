"""The view sets of the ordinary DRF contestant."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from automator.bench.contestants.ordinary.models import (
    LIVE,
    Hold,
    Invoice,
    LedgerEntry,
    TicketGroup,
)
from automator.bench.contestants.ordinary.serializers import HoldSerializer, InvoiceSerializer
from automator.bench.contestants.seats import first_fit


class Conflict(APIException):
    """The state of the hold or of the group does not allow the call."""

    status_code = status.HTTP_409_CONFLICT


class HoldViewSet(ModelViewSet[Hold]):
    """Holds."""

    serializer_class = HoldSerializer
    lookup_field = "global_id"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> Any:
        """Return the holds of the caller."""
        return Hold.objects.filter(broker=self.request.auth).select_related("group", "broker")

    @transaction.atomic
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Hold tickets."""
        call = self.get_serializer(data=request.data)
        call.is_valid(raise_exception=True)
        remote_id = call.validated_data["group"]["remote_id"]
        quantity, global_id = call.validated_data["quantity"], call.validated_data["global_id"]
        group = (
            TicketGroup.objects.select_for_update(no_key=True)
            .filter(broker=request.auth, remote_id=remote_id)
            .first()
        )
        hold = self.get_queryset().filter(global_id=global_id).first()
        if hold:
            if (hold.group, hold.quantity) != (group, quantity) or hold.state == "released":
                raise Conflict
            return Response(self.get_serializer(hold).data)
        if group is None:
            raise NotFound
        live = group.holds.filter(state__in=LIVE)
        taken = [(one.positions.lower, one.positions.upper) for one in live]
        start = first_fit(group.quantity, taken, quantity)
        if start is None:
            raise Conflict
        now = timezone.now()
        hold = Hold.objects.create(
            broker=request.auth,
            global_id=global_id,
            group=group,
            quantity=quantity,
            positions=NumericRange(start, start + quantity),
            unit_price=group.price,
            state="held",
            created_at=now,
            expires_at=now + timedelta(seconds=request.auth.hold_lifetime),
        )
        group.held += quantity
        record(hold, group, "held")
        return Response(self.get_serializer(hold).data, status=status.HTTP_201_CREATED)

    @action(detail=True, methods=["post"])
    @transaction.atomic
    def release(self, request: Request, global_id: str) -> Response:
        """Release a hold."""
        hold, group = locked(self.get_queryset(), global_id)
        if hold.state == "invoiced":
            raise Conflict
        if hold.state == "held":
            hold.state = "released"
            hold.save()
            group.held -= hold.quantity
            record(hold, group, "released")
        return Response(self.get_serializer(hold).data)


class InvoiceViewSet(ModelViewSet[Invoice]):
    """Sales."""

    serializer_class = InvoiceSerializer
    queryset = Invoice.objects.all()

    @transaction.atomic
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Sell the tickets of a hold."""
        call = self.get_serializer(data=request.data)
        call.is_valid(raise_exception=True)
        order_id = call.validated_data["order_id"]
        holds = Hold.objects.filter(broker=request.auth).select_related("group", "broker")
        hold, group = locked(holds, call.validated_data["hold"]["global_id"])
        if hold.state == "released" or hold.order_id not in {None, order_id}:
            raise Conflict
        if hold.state == "invoiced":
            return Response(self.get_serializer(hold.invoice).data)
        hold.state, hold.order_id = "invoiced", order_id
        hold.save()
        group.held -= hold.quantity
        group.sold += hold.quantity
        record(hold, group, "invoiced")
        invoice = Invoice.objects.create(
            order_id=order_id,
            hold=hold,
            quantity=hold.quantity,
            total=hold.unit_price * hold.quantity,
            invoiced_at=timezone.now(),
        )
        return Response(self.get_serializer(invoice).data, status=status.HTTP_201_CREATED)


def locked(holds: Any, global_id: str) -> tuple[Hold, TicketGroup]:
    """Lock the group of a hold, and return both as read under the lock.

    Raises:
        NotFound: there is no such hold.
    """
    hold = holds.filter(global_id=global_id).first()
    if hold is None:
        raise NotFound
    group = TicketGroup.objects.select_for_update(no_key=True).get(pk=hold.group_id)
    return holds.get(pk=hold.pk), group


def record(hold: Hold, group: TicketGroup, effect: str) -> None:
    """Save the counters of a group, and add an effect to the ledger."""
    group.entries += 1
    group.save()
    LedgerEntry.objects.create(
        group=group,
        number=group.entries,
        effect=effect,
        tickets=hold.quantity,
        global_id=hold.global_id,
        held=group.held,
        sold=group.sold,
        at=timezone.now(),
    )
