"""The URLs of the calls on invoices, each with and without a trailing slash."""

from django.urls import path

from invoices.views import InvoiceViewSet

CALLS = {
    "invoices": InvoiceViewSet.as_view({"post": "create"}),
    "invoices/<str:order_id>": InvoiceViewSet.as_view({"get": "retrieve"}),
}

urlpatterns = [path(route + slash, view) for slash in ("", "/") for route, view in CALLS.items()]
