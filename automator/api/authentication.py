"""Who is calling the API: the header X-API-Key, judged on every call."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from automator.models import ApiKey, FoundKey

if TYPE_CHECKING:  # DRF's views load this module
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """The key goes to `request.auth`; its broker is the only one the call can reach."""

    def authenticate(self, request: Request) -> tuple[None, FoundKey] | None:
        """Raise AuthenticationFailed for a key that is no good, PermissionDenied for an address.

        Wrong, revoked, expired and missing keys are answered alike.
        """
        sent = request.headers.get("X-API-Key")
        if sent is None:
            return None
        key = ApiKey.objects.verified(sent)
        if key is None:
            raise AuthenticationFailed
        # For the access log: of a refusal too, so that staff see which key came from where.
        request._request.key_id = key.key_id  # type: ignore[attr-defined]
        if not key.allows(caller_address(request._request)):
            raise PermissionDenied
        if not key.use_is_noted:
            ApiKey.objects.note_use(key.id)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class HasApiKey(BasePermission):
    """Every call needs a key."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.auth is not None


def caller_address(request: HttpRequest) -> str:
    """Where a request comes from, as the outermost of our own proxies saw it.

    With PROXY_HOPS proxies the address is that many from the right in X-Forwarded-For; empty,
    which no allow-list has, where there are fewer. What stands further left is the caller's word.
    """
    if not settings.PROXY_HOPS:
        return str(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return hops[-settings.PROXY_HOPS].strip() if len(hops) >= settings.PROXY_HOPS else ""
