"""Saves forms of the admin within a time limit, and says so on the form if that fails."""

import types
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse

from inventory.admin.tenancy import EditableAdmin
from inventory.transactions import is_lock_timeout, limited

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Any]
else:
    BaseForm = forms.BaseForm

NOT_SAVED = (
    "Somebody else is at work on this just now. Nothing was saved: wait a moment and save again."
)


class SavedInTimeAdmin(EditableAdmin):
    """An admin whose saves wait at most 2 seconds for a lock, and then show the form again."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, or save it in a transaction with a time limit.

        If a lock cannot be had in time, the form is shown again as it was filled in.

        Raises:
            OperationalError: the database cannot be used for another reason.
        """

        def view() -> HttpResponse:
            answer: HttpResponse = super(SavedInTimeAdmin, self).changeform_view(
                request, object_id, form_url, extra_context
            )
            return answer

        if request.method != "POST":
            return view()
        try:
            with limited():
                return view()
        except IntegrityError:
            # Somebody has added the same row meanwhile. This time the form finds it and says so.
            with limited():
                return view()
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            request.lock_timed_out = True  # type: ignore[attr-defined]
            return view()

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        timed_out = getattr(request, "lock_timed_out", False)
        return types.new_class("NotSavedForm", (NotSaved, form)) if timed_out else form


class NotSaved(BaseForm):
    """A mixin for a form that refuses to be saved and says why."""

    def clean(self) -> dict[str, Any]:
        """Refuse the form.

        Raises:
            ValidationError: always, with the reason.
        """
        raise ValidationError(NOT_SAVED)
