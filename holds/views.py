"""The API views of holds. Each validates the request, calls one service and answers."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from holds import services
from holds.errors import (
    AlreadyInvoiced,
    GlobalIdReused,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    SaleVoided,
)
from holds.models import Hold
from holds.serializers import HOLD_ANSWER, HOLD_CALL, HOLD_PATH, HoldAnswer, HoldCall
from holds.viewsets import REPLAYED, CallViewSet, broker_of, caller_of
from inventory.errors import (
    InsufficientTickets,
    NotForSale,
    SplitNotAllowed,
    TicketGroupNotFound,
)
from inventory.transactions import replicated

_EXAMPLE = {
    "global_id": "g-1",
    "remote_id": "605696419",
    "quantity": 2,
    "status": "held",
    "section": "211",
    "row": "15",
    "seats": ["7", "8"],
    "unit_price": "40.00",
    "total": "80.00",
    "currency": "USD",
    "expires_at": "2026-11-23T18:04:05Z",
    "order_id": None,
    "request_id": "5f0c6b1e9d4f4f0fa1c4b1f0f7f6e3aa",
}


def example(description: str, body: dict[str, object], **changes: object) -> OpenApiResponse:
    """Return an answer for the OpenAPI document, with its description and an example."""
    return OpenApiResponse(
        response=HoldAnswer,
        description=description,
        examples=[OpenApiExample("Example", value={**body, **changes}, response_only=True)],
    )


class HoldViewSet(CallViewSet):
    """Set tickets aside for a marketplace, and free them again."""

    http_method_names = ("get", "head", "post")  # so that Allow does not list OPTIONS, which is 405

    # The refusals that each call can answer. The OpenAPI document and the docs pages list them.
    refusals = {
        "create": (
            *(TicketGroupNotFound, NotForSale, InsufficientTickets, SplitNotAllowed),
            *(HoldReleased, HoldExpired, SaleVoided, GlobalIdReused),
        ),
        "retrieve": (HoldNotFound,),
        "release": (AlreadyInvoiced,),
    }

    @extend_schema(
        operation_id="hold",
        summary="Hold",
        request=HoldCall,
        examples=[
            OpenApiExample(
                "Hold two tickets",
                value={"remote_id": "605696419", "quantity": 2, "global_id": "g-1"},
                request_only=True,
            )
        ],
        responses={
            201: example("The tickets are on hold.", _EXAMPLE),
            200: example(
                "The same call had taken effect before. The hold still stands, or has been "
                "invoiced since. Nothing has changed.",
                _EXAMPLE,
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Put tickets on hold: either all that are asked for, or none.

        The call can be repeated as often as you like. It has one effect per global id.
        """
        call = HOLD_CALL.run_validation(request.data)
        outcome = services.place(broker_id=broker_of(request), caller=caller_of(request), **call)
        if outcome.replayed:
            return self.answer(outcome, headers=REPLAYED)
        return self.answer(outcome, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="look_up_hold",
        summary="Look up a hold",
        responses={200: example("The hold as it is now.", _EXAMPLE)},
    )
    def retrieve(self, request: Request, global_id: str) -> Response:
        """Return the hold of a global id as it is now."""
        holds = Hold.objects.named(broker_of(request), valid(global_id))
        with replicated():
            hold = holds.first()
        if hold is None:
            raise HoldNotFound
        return self.answer(services.Outcome(hold, replayed=False))

    @extend_schema(
        operation_id="release",
        summary="Release",
        request=None,
        responses={
            200: example(
                "The tickets are free again, whether by this call, by an earlier one or because "
                "the hold had expired. The id is released from now on, and no late invoice can "
                "sell it. An id that never came is remembered as released, with quantity 0.",
                _EXAMPLE,
                status="released",
            )
        },
    )
    def release(self, request: Request, global_id: str) -> Response:
        """Free the tickets of a hold. The call needs no body.

        After this call, the global id holds nothing, even if its hold call arrives later.
        """
        request.data  # noqa: B018  a body is not needed, but one that is sent must be JSON
        outcome = services.release(
            broker_id=broker_of(request), global_id=valid(global_id), caller=caller_of(request)
        )
        return self.answer(outcome, headers=REPLAYED if outcome.replayed else None)

    def answer(
        self,
        outcome: services.Outcome,
        *,
        status: int = status.HTTP_200_OK,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Return the response with a hold in the wire format."""
        hold = outcome.hold
        answer = HOLD_ANSWER.to_representation(
            {
                "hold": hold,
                "status": outcome.status or hold.state,
                "request_id": caller_of(self.request).request_id,
            }
        )
        return Response(answer, status=status, headers=headers)


def valid(global_id: str) -> str:
    """Return the global id of a path.

    Raises:
        ValidationError: the text cannot be an id.
    """
    path: dict[str, str] = HOLD_PATH.run_validation({"global_id": global_id})
    return path["global_id"]
