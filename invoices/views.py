"""The API views of invoices. Each validates the request, calls one service and answers."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from holds.errors import HoldNotFound, HoldReleased, SaleVoided
from holds.viewsets import REPLAYED, CallViewSet, broker_of, caller_of
from inventory.transactions import replicated
from invoices import services
from invoices.errors import InvoiceNotFound, OrderConflict, TicketsUnavailable
from invoices.models import Invoice
from invoices.serializers import (
    INVOICE_ANSWER,
    INVOICE_CALL,
    INVOICE_PATH,
    ORDER_ANSWER,
    InvoiceAnswer,
    InvoiceCall,
    OrderAnswer,
)

_LINE = {
    "order_id": "4606857-10324712",
    "global_id": "g-1",
    "remote_id": "605696419",
    "quantity": 2,
    "status": "invoiced",
    "buyer": "Ticket Evolution",
    "section": "211",
    "row": "15",
    "seats": ["7", "8"],
    "unit_price": "40.00",
    "total": "80.00",
    "currency": "USD",
    "late": False,
    "invoiced_at": "2026-11-23T17:52:11Z",
}
_REQUEST_ID = {"request_id": "5f0c6b1e9d4f4f0fa1c4b1f0f7f6e3aa"}


def _example(answer: Any, description: str, body: dict[str, Any]) -> OpenApiResponse:
    return OpenApiResponse(
        response=answer,
        description=description,
        examples=[OpenApiExample("Example", value=body, response_only=True)],
    )


class InvoiceViewSet(CallViewSet):
    """Sell tickets that are on hold, with TEvo as the buyer."""

    http_method_names = ("get", "head", "post")  # so that Allow does not list OPTIONS, which is 405

    # The refusals that each call can answer. The OpenAPI document and the docs pages list them.
    refusals = {
        "create": (HoldNotFound, HoldReleased, SaleVoided, OrderConflict, TicketsUnavailable),
        "retrieve": (InvoiceNotFound,),
    }
    # The members that all refusals of a call have in addition to their own, with example values.
    members_of_refusals: ClassVar = {"create": {"exception_id": "5f0c6b1e9d4f4f0f"}}

    @extend_schema(
        operation_id="invoice",
        summary="Invoice",
        request=InvoiceCall,
        examples=[
            OpenApiExample(
                "Invoice a hold",
                value={"order_id": "4606857-10324712", "global_id": "g-1"},
                request_only=True,
            )
        ],
        responses={
            201: _example(
                InvoiceAnswer,
                "The tickets are sold. `late` says that the hold had expired and its tickets were "
                "still free. `exception_id` is present where the sale was recorded as an exception "
                "for the broker's staff: it is late, or they had sold tickets of that order.",
                {**_LINE, **_REQUEST_ID},
            ),
            200: _example(
                InvoiceAnswer,
                "The same call had taken effect before. Nothing has changed.",
                {**_LINE, **_REQUEST_ID},
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Turn a hold into a sale.

        Every refusal is recorded for the broker's staff, since a buyer was promised the tickets.
        """
        call = INVOICE_CALL.run_validation(request.data)
        caller = caller_of(request)
        outcome = services.invoice(broker_id=broker_of(request), caller=caller, **call)
        answered = {"invoice": outcome.invoice, "request_id": caller.request_id}
        if outcome.exception_id:
            answered["exception_id"] = outcome.exception_id
        answer = INVOICE_ANSWER.to_representation(answered)
        if outcome.replayed:
            return Response(answer, headers=REPLAYED)
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="look_up_invoice",
        summary="Look up an invoice",
        responses={
            200: _example(
                OrderAnswer,
                "The invoices of the order id: one for each hold that was sold under it.",
                {"order_id": "4606857-10324712", "invoices": [_LINE], **_REQUEST_ID},
            )
        },
    )
    def retrieve(self, request: Request, order_id: str) -> Response:
        """List the sales under an order id."""
        INVOICE_PATH.run_validation({"order_id": order_id})
        with replicated():
            invoices = Invoice.objects.of_order(broker_id=broker_of(request), order_id=order_id)
        if not invoices:
            raise InvoiceNotFound
        order = {
            "order_id": order_id,
            "invoices": [{"invoice": invoice} for invoice in invoices],
            "request_id": caller_of(request).request_id,
        }
        return Response(ORDER_ANSWER.to_representation(order))
