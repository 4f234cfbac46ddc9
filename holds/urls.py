"""The URLs of the calls on holds, each with and without a trailing slash."""

from django.urls import path

from holds.views import HoldViewSet

CALLS = {
    "holds": HoldViewSet.as_view({"post": "create"}),
    "holds/<str:global_id>": HoldViewSet.as_view({"get": "retrieve"}),
    "holds/<str:global_id>/release": HoldViewSet.as_view({"post": "release"}),
}

urlpatterns = [path(route + slash, view) for slash in ("", "/") for route, view in CALLS.items()]
