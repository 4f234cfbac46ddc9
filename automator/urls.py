"""Where everything is found."""

from django.contrib import admin
from django.urls import include, path, re_path

from automator import docs, health, login
from automator.unknown import UnknownPath

urlpatterns = [
    path("api/v1/", include("holds.urls")),
    path("api/v1/", include("invoices.urls")),
    re_path(r"^api/schema/?$", docs.Document.as_view(), name="schema"),
    re_path(r"^api(/.*)?$", UnknownPath.as_view()),
    path("docs/", docs.calls, name="docs"),
    path("docs/api/", docs.interactive, name="docs-api"),
    path("docs/errors/<slug:code>/", docs.error, name="docs-error"),
    re_path(r"^healthz/?$", health.healthz),
    re_path(r"^readyz/?$", health.readyz),
    path("admin/login/", login.log_in),  # before the admin's own, which it wraps
    path("admin/", admin.site.urls),
    path("", docs.home),
]
handler400 = "automator.problem_answers.bad_request"
handler404 = "automator.problem_answers.not_found"
handler500 = "automator.problem_answers.server_error"
