"""Admin actions that ask for confirmation on a page and then process the rows one by one."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import display_for_value, label_for_field, lookup_field
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse

from inventory import limits
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.errors import Refusal
from inventory.transactions import DATABASE_UNAVAILABLE

# The most rows of one action. Each row has its own transaction, and the browser waits for all.
MOST = 100

Effect = Callable[[Any, HttpRequest, Any, dict[str, Any]], str]
Action = Callable[[Any, HttpRequest, Any], HttpResponse | None]


def words_field(*, required: bool = True, help_text: str = "") -> forms.CharField:
    """Return a form field for a note to whoever looks at the row later."""
    return forms.CharField(
        max_length=limits.NOTE_LENGTH,
        required=required,
        widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
        help_text=help_text,
    )


def asked_first(
    *,
    title: str,
    warning: str,
    columns: Sequence[str],
    form: type[forms.Form] = forms.Form,
    seen: str = "",
) -> Callable[[Effect], Action]:
    """Return a decorator that makes an admin action of a method that processes one row.

    The action first shows a page with `title`, `warning`, the rows with these `columns`, and the
    fields of `form`. Once the form is sent, the method is called for each row with the form's
    cleaned data as its last argument. It returns a sentence on what happened, or raises a Refusal;
    both are shown to the user. If `seen` names a field of the rows, the page sends back the value
    that it showed, and the method finds it as text under the key `seen` of the data.
    """

    def decorate(effect: Effect) -> Action:
        page = {"title": title, "warning": warning, "action": effect.__name__}

        @admin.action(description=title)
        @wraps(effect)
        def action(self: OwnRowsAdmin, request: HttpRequest, rows: Any) -> HttpResponse | None:
            chosen = list(rows[: MOST + 1])
            if len(chosen) > MOST:
                self.message_user(request, f"Choose at most {MOST} at a time.", messages.ERROR)
                return None
            if not chosen:
                self.message_user(
                    request, "None of the chosen rows exists any more.", messages.WARNING
                )
                return None
            answers = form(request.POST if "confirmed" in request.POST else None)
            if not answers.is_valid():
                shown = _table(self, chosen, columns, seen) | page
                return _page(self, request, answers, shown)
            for row in chosen:
                was = {"seen": request.POST.get(f"seen-{row.pk}", "")}
                _carry_out(self, request, row, effect, answers.cleaned_data | was)
            filters = QueryDict(request.POST.get("filters", "")).urlencode()
            return HttpResponseRedirect(f"{request.path}?{filters}" if filters else request.path)

        return action

    return decorate


def _page(
    model_admin: OwnRowsAdmin,
    request: HttpRequest,
    form: forms.Form,
    shown: dict[str, Any],
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        **shown,
        "opts": model_admin.opts,
        "form": form,
        "checkbox": ACTION_CHECKBOX_NAME,
        # The list has its filters in the URL, and this page has them in the form.
        "filters": request.POST.get("filters", request.GET.urlencode()),
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/confirm.html", context)


def _table(
    model_admin: OwnRowsAdmin, rows: Sequence[Any], columns: Sequence[str], seen: str
) -> dict[str, Any]:
    return {
        "heads": [label_for_field(name, model_admin.model, model_admin) for name in columns],
        "rows": [(row.pk, [_cell(model_admin, row, name) for name in columns]) for row in rows],
        "seen": [(row.pk, getattr(row, seen)) for row in rows] if seen else [],
    }


def _cell(model_admin: OwnRowsAdmin, row: Any, column: str) -> Any:
    field, _, value = lookup_field(column, row, model_admin)
    if field is not None and getattr(field, "flatchoices", None):
        value = dict(field.flatchoices).get(value, value)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return display_for_value(value, model_admin.get_empty_value_display())


def _carry_out(
    model_admin: OwnRowsAdmin,
    request: HttpRequest,
    row: Any,
    effect: Effect,
    answers: dict[str, Any],
) -> None:
    # The text begins with a word because the page capitalises its first letter, and ids are
    # case-sensitive.
    name = f"{model_admin.opts.verbose_name} {row}"
    try:
        happened = effect(model_admin, request, row, answers)
    except Refusal as refusal:
        text = f"{name}: {refusal.detail.rstrip('.')}."
        model_admin.message_user(request, text, messages.WARNING)
    except DATABASE_UNAVAILABLE:
        text = (
            f"{name} is busy just now. It may or may not have been changed: check, and try again."
        )
        model_admin.message_user(request, text, messages.ERROR)
    else:
        model_admin.message_user(request, f"{name}: {happened}", messages.SUCCESS)
        model_admin.log_change(request, row, happened)
