"""The admin of imports: upload a broker's book, see what it would change, apply it, look back.

The views are not wrapped in one transaction as Django's own admin views are, because checking and
applying an import open their own transactions.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from holds.admin.upload_form import FORMAT_NAMES, UploadForm
from holds.imports import applying, checking, preview
from holds.imports.locks import ImportInProgress
from holds.imports.refused_rows import refused_rows
from inventory.admin.formatting import label
from inventory.admin.tenancy import OwnRowsAdmin, caller, only_broker
from inventory.models.imports import Import, ImportState, Verdict
from inventory.transactions import DATABASE_UNAVAILABLE

# How long a request applies an import. Browsers and proxies wait longer than this.
SECONDS = 2.0
TAKEN = "Nothing is applied yet: a newer book is being checked. Try it again in a moment."
WAITING = {ImportState.CHECKED, ImportState.CONFIRM}


@admin.register(Import)
class ImportAdmin(OwnRowsAdmin):
    list_display = (
        *("file_name", "when_and_who", "state_label", "rows_read"),
        *("new", "changed", "unchanged", "refused", "vanished", "applied"),
    )
    list_filter = ("state",)
    list_select_related = ("broker",)
    search_fields = ("file_name",)
    search_help_text = "File name"
    empty_text = (
        "No imports yet. Upload the CSV file that your point-of-sale system exports: you will see "
        "what it would change before anything does."
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
            address = f"<int:pk>/{name}/"
            return path(address, self.admin_site.admin_view(view), name=f"inventory_import_{name}")

        own = [
            page("apply", self.apply_view),
            page("discard", self.discard_view),
            page("refused", self.refused_view),
        ]
        return [*own, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Check an uploaded file, and redirect to the page of its import.

        Raises:
            PermissionDenied: the user has no broker and is no superuser.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        own = only_broker(request)
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*sent, own=own)
        if form.is_valid():
            try:
                return HttpResponseRedirect(_page_of(self._checked(request, form)))
            except ImportInProgress as error:
                form.add_error(None, str(error))
            except DATABASE_UNAVAILABLE:
                form.add_error(None, "The database is busy. Nothing has changed: upload it again.")
        context = self._context(request, title="Import a book", form=form)
        return TemplateResponse(request, "admin/inventory/import/upload.html", context)

    def _checked(self, request: HttpRequest, form: UploadForm) -> Import:
        job = checking.check(**form.answers(), asked_by=caller(request).name)
        self.log_addition(request, job, "Uploaded.")
        if job.state == ImportState.CHECKED and not job.to_apply and not job.events:
            # There is nothing to apply, and so nothing to confirm.
            applying.apply(job, caller=caller(request))
        return job

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show the result and the progress of an import, and what can be done with it.

        Raises:
            PermissionDenied: the user has no broker and is no superuser.
        """
        job = self.get_object(request, object_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        if job is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined]
                request, self.opts, object_id
            )
            return missing
        context = self._context(request, title=job.file_name, job=job, original=job)
        context |= {
            "state": self.state_label(job),
            "format": FORMAT_NAMES.get(job.format, job.format),
            "bar_chart": preview.bar_chart(job),
            "rows": ngettext("%s row", "%s rows", job.rows_read) % f"{job.rows_read:,}",
            "groups": ngettext("%s ticket group", "%s ticket groups", job.to_apply)
            % f"{job.to_apply:,}",
            "applied": f"{job.applied:,}",
            "to_apply": f"{job.to_apply:,}",
            "first": preview.FIRST,
            "same_file": checking.same_file(job),
            "refused_rows": preview.first_rows(job, Verdict.REFUSED),
            # Only after the user has asked to apply the import.
            "goes_on": "goes-on" in request.GET,
        }
        context["linked"] = ["refused"]
        if job.state in WAITING:
            context |= {
                "linked": ["new", "changed", "vanished", "refused"],
                "changed": preview.changed(job),
                "new": preview.new(job),
                "vanished": preview.vanished(job),
            }
        return TemplateResponse(request, "admin/inventory/import/detail.html", context)

    @method_decorator(require_POST)
    def apply_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Apply an import for some seconds. The page shows the progress and can continue."""
        job = self._own(request, pk)
        before = job.state
        try:
            if "confirmed" in request.POST:
                applying.confirm(job)
            applying.apply(job, caller=caller(request), seconds=SECONDS)
        except DATABASE_UNAVAILABLE:
            self.message_user(
                request,
                "The database is busy just now. What was applied stays applied: go on in a moment.",
                messages.WARNING,
            )
            return HttpResponseRedirect(_page_of(job))
        if before in WAITING and job.state in {ImportState.APPLYING, ImportState.DONE}:
            self.log_change(request, job, "Applied.")
        elif job.state == ImportState.CHECKED:
            self.message_user(request, TAKEN, messages.WARNING)
        query = "?goes-on" if job.state == ImportState.APPLYING else ""
        return HttpResponseRedirect(_page_of(job) + query)

    @method_decorator(require_POST)
    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End an import that has not begun, without applying anything."""
        job = self._own(request, pk)
        try:
            if job.state in WAITING:
                applying.drop(job)
                if job.state in {ImportState.DRY_RUN, ImportState.REFUSED}:
                    self.log_change(request, job, "Discarded.")
        except DATABASE_UNAVAILABLE:
            self.message_user(request, "The database is busy: try it again.", messages.WARNING)
        return HttpResponseRedirect(_page_of(job))

    @method_decorator(require_safe)
    def refused_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Return the refused rows as a file that can be corrected."""
        job = self._own(request, pk)
        return StreamingHttpResponse(
            refused_rows(job),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="refused-rows-{job.pk}.csv"'},
        )

    def _own(self, request: HttpRequest, pk: int) -> Import:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job: Import | None = self.get_object(request, str(pk))
        if job is None:
            raise Http404
        return job

    def _context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            **more,
        }

    @admin.display(description="when and who", ordering="started_at")
    def when_and_who(self, job: Import) -> SafeString:
        when = date_format(localtime(job.started_at), "DATETIME_FORMAT")
        return format_html('{}<br><span class="quiet">{}</span>', when, job.asked_by)

    @admin.display(description="state", ordering="state")
    def state_label(self, job: Import) -> SafeString:
        return label(job.state, job.get_state_display())

    @admin.display(description="rows")
    def rows_read(self, job: Import) -> int:
        return job.rows_read


def _page_of(job: Import) -> str:
    return reverse("admin:inventory_import_change", args=[job.pk])
