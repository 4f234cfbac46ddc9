"""Authentication by the header X-API-Key."""

import hashlib
from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from automator.bench.contestants.ordinary.models import Broker

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView


class KeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the broker of the key."""

    def authenticate(self, request: Request) -> "tuple[None, Broker] | None":
        """Return the broker.

        Raises:
            AuthenticationFailed: the key is wrong.
        """
        key_hash = hashlib.sha256(request.headers.get("X-API-Key", "").encode()).hexdigest()
        try:
            return None, Broker.objects.get(key_hash=key_hash)
        except Broker.DoesNotExist:
            raise AuthenticationFailed from None

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class HasKey(BasePermission):
    """Allows a call only if it was authenticated."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.auth is not None
