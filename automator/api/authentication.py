"""Authentication of API calls by the header X-API-Key."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from automator.models import ApiKey, FoundKey

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the key. The call can reach the rows of that key's broker only."""

    def authenticate(self, request: Request) -> tuple[None, FoundKey] | None:
        """Return the key of a call, or None where the header is missing.

        A caller cannot tell a wrong, revoked, expired or missing key from another.

        Raises:
            AuthenticationFailed: the key is wrong, revoked or expired.
            PermissionDenied: the key's allow-list does not include the caller's address.
        """
        sent = request.headers.get("X-API-Key")
        if sent is None:
            return None
        key = ApiKey.objects.verified(sent)
        if key is None:
            raise AuthenticationFailed
        # The access log shows the key of a refused call too, so that staff see who used it.
        request._request.key_id = key.key_id  # type: ignore[attr-defined]
        if not key.allows(caller_address(request._request)):
            raise PermissionDenied
        if not key.use_is_noted:
            ApiKey.objects.note_use(key.id)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class HasApiKey(BasePermission):
    """Allows a call only if it was authenticated by a key."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.auth is not None


def caller_address(request: HttpRequest) -> str:
    """Return the address that a request comes from, as the outermost of our own proxies saw it.

    With PROXY_HOPS proxies this is the address at that position from the right in X-Forwarded-For.
    Addresses further left were sent by the caller and cannot be trusted. The result is empty where
    the header has fewer addresses; no allow-list includes the empty address.
    """
    if not settings.PROXY_HOPS:
        return str(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return hops[-settings.PROXY_HOPS].strip() if len(hops) >= settings.PROXY_HOPS else ""
