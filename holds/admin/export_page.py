"""The page on which a broker's book is downloaded, reached from the list of ticket groups."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from holds.export import Export
from inventory.admin.tenancy import OwnRowsAdmin, only_broker
from inventory.models import Broker

AVAILABLE = "available"
# The answers that the address of the page can leave out.
DEFAULTS = {"which": AVAILABLE, "format": "sync"}


class ExportForm(forms.Form):
    """Asks what to export. Only users who see all brokers are asked for the broker."""

    broker = forms.ModelChoiceField(Broker.objects.all())
    which = forms.ChoiceField(
        choices=[(AVAILABLE, "What is available now"), ("all", "The whole book")],
        help_text="What is available is meant for other channels: free tickets that are on sale, "
        "without costs and internal notes. The whole book also has held and sold tickets.",
    )
    format = forms.ChoiceField(
        choices=[("sync", "Sync snapshot"), ("tevo", "TEvo import file")],
        help_text="TEvo's file has no split rules, stock types or in-hand dates.",
    )

    def __init__(self, *data: Any, own: Broker | None, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        if own:
            del self.fields["broker"]
        elif Broker.objects.count() == 1:
            self.fields["broker"].initial = Broker.objects.get()


class ExportPage(OwnRowsAdmin):
    """Adds the export page to the admin of ticket groups."""

    def get_urls(self) -> list[Any]:
        export: URLPattern = path(
            "export/",
            self.admin_site.admin_view(self.export_view),
            name="inventory_ticketgroup_export",
        )
        return [export, *super().get_urls()]

    @method_decorator(require_safe)
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the file, or a form where the address does not say everything.

        Raises:
            PermissionDenied: the user may not see ticket groups.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = only_broker(request)
        asked = {**DEFAULTS, **request.GET.dict()}
        form = ExportForm(asked, own=own)
        if not form.is_valid():
            return self._ask(request, form if own or asked.get("broker") else None, asked)
        export = Export(
            own or form.cleaned_data["broker"],
            format=form.cleaned_data["format"],
            available=form.cleaned_data["which"] == AVAILABLE,
            today=timezone.localdate(),
        )
        return StreamingHttpResponse(
            iter(export),  # closed with the response, even if the client disconnects
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, export.file_name)},  # noqa: FBT003
        )

    def _ask(
        self, request: HttpRequest, form: ExportForm | None, asked: dict[str, str]
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Export a book",
            "opts": self.opts,
            "form": form or ExportForm(own=None, initial=asked),
        }
        return TemplateResponse(request, "admin/inventory/ticketgroup/export.html", context)
