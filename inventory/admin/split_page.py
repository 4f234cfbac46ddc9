"""The page that splits a ticket group in two."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from inventory import seat_text, services
from inventory.admin.forms import SplitForm
from inventory.admin.tenancy import OwnRowsAdmin, caller
from inventory.errors import Refusal
from inventory.models import TicketGroup
from inventory.transactions import DATABASE_UNAVAILABLE

BUSY = "It is busy just now; perhaps it was split, perhaps not. Look, and try again."


class SplitPage(OwnRowsAdmin):
    """Adds the page to the admin of ticket groups."""

    def get_urls(self) -> list[Any]:
        split: URLPattern = path(
            "<path:object_id>/split/",
            self.admin_site.admin_view(self.split_view),
            name="inventory_ticketgroup_split",
        )
        return [split, *super().get_urls()]

    def split_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask which tickets go; split when that is sent."""
        group: TicketGroup | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, group):
            raise PermissionDenied
        if group is None:
            raise Http404
        form = SplitForm(request.POST if request.method == "POST" else None, group=group)
        new = self._split(request, group, form) if form.is_valid() else None
        if new:
            return HttpResponseRedirect(
                reverse("admin:inventory_ticketgroup_change", args=[new.pk])
            )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Split {group.remote_id}",
            "opts": self.opts,
            "group": group,
            "tickets": f"seats {seat_text.written(group.seats)}"
            if group.seats
            else f"{group.quantity} tickets without seat numbers",
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/inventory/ticketgroup/split.html", context)

    def _split(
        self, request: HttpRequest, group: TicketGroup, form: SplitForm
    ) -> TicketGroup | None:
        """The new group, or None with what is wrong written onto the form."""
        try:
            new = services.split(
                group.pk,
                seats=form.cleaned_data.get("seats", []),
                quantity=form.cleaned_data.get("quantity", 0),
                remote_id=form.cleaned_data["remote_id"],
                caller=caller(request),
            )
        except Refusal as refusal:
            form.add_error(None, f"{refusal.detail}.")
        except DATABASE_UNAVAILABLE:
            form.add_error(None, BUSY)
        else:
            done = f"{new.quantity} tickets of {group.remote_id} are the ticket group {new} now."
            self.log_change(request, group, done)
            self.log_addition(request, new, f"Split off {group.remote_id}.")
            self.message_user(request, done, messages.SUCCESS)
            return new
        return None
