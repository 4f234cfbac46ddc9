"""The admin page that splits a ticket group in two."""

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

MAYBE_SPLIT = "It is busy just now. The group may or may not have been split: check, and try again."


class SplitPage(OwnRowsAdmin):
    """Adds the page for splitting to the admin of ticket groups."""

    def get_urls(self) -> list[Any]:
        split: URLPattern = path(
            "<path:object_id>/split/",
            self.admin_site.admin_view(self.split_view),
            name="inventory_ticketgroup_split",
        )
        return [split, *super().get_urls()]

    def split_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form that asks which tickets to move, or split the group if the form was sent.

        Raises:
            PermissionDenied: the user may not change the group.
            Http404: the user's broker has no such group.
        """
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
        """Return the new group, or None after adding an error to the form."""
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
            form.add_error(None, MAYBE_SPLIT)
        else:
            done = f"{new.quantity} tickets of {group.remote_id} are now the ticket group {new}."
            self.log_change(request, group, done)
            self.log_addition(request, new, f"Split off from {group.remote_id}.")
            self.message_user(request, done, messages.SUCCESS)
            return new
        return None
