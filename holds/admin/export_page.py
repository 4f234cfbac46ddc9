"""A broker's book as a download, from the list of ticket groups."""

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
# What a button need not say.
DEFAULTS = {"which": AVAILABLE, "format": "sync"}


class ExportForm(forms.Form):
    """Which book; `broker` is asked of those alone who see every broker's."""

    broker = forms.ModelChoiceField(Broker.objects.all())
    which = forms.ChoiceField(
        choices=[(AVAILABLE, "What is available now"), ("all", "The whole book")],
        help_text="What is available goes to other channels: free tickets on sale, with neither "
        "cost nor internal notes. The whole book has all tickets, held and sold ones included.",
    )
    format = forms.ChoiceField(
        choices=[("sync", "Sync snapshot"), ("tevo", "TEvo import file")],
        help_text="TEvo's file has no split rules, stock types and in-hand dates.",
    )

    def __init__(self, *data: Any, own: Broker | None, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        if own:
            del self.fields["broker"]
        elif Broker.objects.count() == 1:
            self.fields["broker"].initial = Broker.objects.get()


class ExportPage(OwnRowsAdmin):
    """Adds the download to the admin of ticket groups."""

    def get_urls(self) -> list[Any]:
        export: URLPattern = path(
            "export/",
            self.admin_site.admin_view(self.export_view),
            name="inventory_ticketgroup_export",
        )
        return [export, *super().get_urls()]

    @method_decorator(require_safe)
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The file at once; first the page that asks for what the address does not say."""
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
            iter(export),  # which is closed with the answer, also when the reader is gone
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
