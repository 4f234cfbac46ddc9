"""The calls on holds: a view reads the call, makes one domain call and answers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from holds import services
from holds.errors import (
    AlreadyInvoiced,
    GlobalIdReused,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    SaleVoided,
)
from holds.models import Hold, State
from holds.serializers import HoldAnswer, HoldCall, HoldPath
from inventory.errors import (
    InsufficientTickets,
    NotForSale,
    SplitNotAllowed,
    TicketGroupNotFound,
)
from inventory.models import Caller
from inventory.transactions import replicated

REPLAYED = {"Idempotent-Replayed": "true"}

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
    """An answer of the OpenAPI document: what it means, and how it looks."""
    return OpenApiResponse(
        response=HoldAnswer,
        description=description,
        examples=[OpenApiExample("Example", value={**body, **changes}, response_only=True)],
    )


def caller_of(request: Request) -> Caller:
    """The key and the request that the ledger writes down."""
    key: Any = request.auth  # what the authentication of the project found
    return Caller(f"key {key.key_id}", request.id)  # type: ignore[attr-defined]  # of the middleware


def broker_of(request: Request) -> int:
    """The id of the broker whose key was sent: the only one that the call can reach."""
    key: Any = request.auth
    return int(key.broker_id)


class HoldViewSet(ViewSet):
    """Set tickets aside for a marketplace, and free them again."""

    http_method_names = ("get", "head", "post")  # so that Allow does not list OPTIONS, which is 405

    # Which refusals each call can answer; the OpenAPI document and the docs page list them.
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
                "The same call had taken effect before. The hold stands, or is invoiced since; "
                "nothing changed.",
                _EXAMPLE,
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Put tickets on hold, all that are asked for or none.

        Repeat it as often as you like: one effect per global id.
        """
        call = HoldCall(data=request.data)
        call.is_valid(raise_exception=True)
        outcome = services.place(
            broker_id=broker_of(request), caller=caller_of(request), **call.validated_data
        )
        if outcome.replayed:
            return self.answer(outcome.hold, headers=REPLAYED)
        return self.answer(outcome.hold, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="look_up_hold",
        summary="Look up a hold",
        responses={200: example("The hold as it is now.", _EXAMPLE)},
    )
    def retrieve(self, request: Request, global_id: str) -> Response:
        """Tell what became of a global id."""
        holds = Hold.objects.named(broker_of(request), valid(global_id))
        with replicated():
            hold = holds.first()
        if hold is None:
            raise HoldNotFound
        return self.answer(hold)

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
        """Give the tickets of a hold back. Needs no body.

        After it no hold of this global id exists, even if the hold call arrives later.
        """
        request.data  # noqa: B018  a body is not needed, but one that is sent must be JSON
        outcome = services.release(
            broker_id=broker_of(request), global_id=valid(global_id), caller=caller_of(request)
        )
        outcome.hold.state = State.RELEASED  # what the caller wants to know: nothing is held
        return self.answer(outcome.hold, headers=REPLAYED if outcome.replayed else None)

    def answer(
        self,
        hold: Hold,
        *,
        status: int = status.HTTP_200_OK,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """A hold in the wire format."""
        context = {"request_id": caller_of(self.request).request_id}
        return Response(HoldAnswer(hold, context=context).data, status=status, headers=headers)


def valid(global_id: str) -> str:
    """The id of a path, or ValidationError where no id can look like that."""
    path = HoldPath(data={"global_id": global_id})
    path.is_valid(raise_exception=True)
    return str(path.validated_data["global_id"])
