"""The URLs of the project."""

from django.contrib import admin
from django.urls import include, path, re_path

from automator import docs, health, login
from automator.api.not_found import UnknownPath
from automator.api.schema_view import Document
from automator.speed.page import speed

urlpatterns = [
    path("api/v1/", include("holds.urls")),
    path("api/v1/", include("invoices.urls")),
    re_path(r"^api/schema/?$", Document.as_view(), name="schema"),
    re_path(r"^api(/.*)?$", UnknownPath.as_view()),
    path("docs/", docs.calls, name="docs"),
    path("docs/api/", docs.interactive, name="docs-api"),
    path("docs/contract/", docs.contract, name="docs-contract"),
    path("docs/speed/", speed, name="docs-speed"),
    path("docs/errors/<slug:code>/", docs.error, name="docs-error"),
    re_path(r"^healthz/?$", health.healthz),
    re_path(r"^readyz/?$", health.readyz),
    path("admin/login/", login.log_in),  # replaces the admin's own log-in page
    path("admin/", admin.site.urls),
    path("", docs.home),
]
handler400 = "automator.api.exception_handler.bad_request"
handler404 = "automator.api.exception_handler.not_found"
handler500 = "automator.api.exception_handler.server_error"
