"""The admin pages of users, log-in attempts and API keys, and the options of the admin site."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from automator.login import LoginForm
from automator.models import ApiKey, LoginAttempt, User, validate_network
from inventory.admin.confirmation import asked_first
from inventory.admin.formatting import label
from inventory.admin.forms import ChangedAsSeen
from inventory.admin.tenancy import OwnRowsAdmin
from inventory.errors import Refusal

admin.site.site_title = admin.site.site_header = "automator"
admin.site.index_title = "Your tickets"
admin.site.site_url = "/docs/"
admin.site.login_form = LoginForm
admin.site.enable_nav_sidebar = False  # the header has the navigation, and lists need the width
# A user's permissions follow from the user's broker, so groups would have no effect.
admin.site.unregister(Group)


def require_broker_or_superuser(form: Any) -> None:
    """Add an error to `form` unless the user has either a broker or superuser status."""
    if bool(form.cleaned_data.get("broker")) == form.cleaned_data.get("is_superuser"):
        form.add_error(
            "broker",
            "A user needs either a broker or superuser status, not both.",
        )


class NewUserForm(UserCreationForm):  # type: ignore[type-arg]
    """Adds a user of a broker or a superuser."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        require_broker_or_superuser(self)
        return cleaned


class ChangedUserForm(ChangedAsSeen, UserChangeForm):  # type: ignore[type-arg]
    """Changes a user of a broker or a superuser."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        require_broker_or_superuser(self)
        return cleaned


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """Django's user admin, open to superusers only.

    Users cannot be deleted, because the records of what they did refer to them.
    """

    form = ChangedUserForm
    add_form = NewUserForm
    list_display = ("username", "broker", "is_superuser", "is_active", "last_login")
    list_filter = ("broker", "is_superuser", "is_active")
    list_select_related = ("broker",)
    search_help_text = "Username, name or e-mail address"
    show_full_result_count = False
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "broker", "is_superuser")}),
        ("Log-in", {"fields": ("is_active", "is_staff", "last_login", "date_joined")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "broker", "is_superuser")}),
        ("Password", {"fields": ("password1", "password2")}),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        obj.is_staff = obj.is_staff or not change  # the admin is the only place to log in to
        # Saving other fields could restore rights that were taken away since the form was opened.
        obj.save(update_fields=form.changed_data if change else None)


@admin.register(LoginAttempt)
class LoginAttemptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows superusers who tried to log in and who has to wait. Rows cannot be changed."""

    list_display = ("at", "username", "address", "outcome", "locks")
    list_filter = ("outcome", "locks")
    search_fields = ("username", "address")
    search_help_text = "Username or address"
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: LoginAttempt | None = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoginAttempt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LoginAttempt | None = None) -> bool:
        return False


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The fields of a new key."""

    # Declared here because the error of the model field would not name the faulty network.
    networks = SimpleArrayField(
        forms.CharField(max_length=64, validators=[validate_network]),
        required=False,
        widget=AdminTextInputWidget,
        help_text=ApiKey.networks.field.help_text,
    )

    def clean_expires_at(self) -> Any:
        """Return the time at which the key expires, or None if it never does.

        Raises:
            ValidationError: the time is in the past.
        """
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise ValidationError("The expiry must be in the future.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(OwnRowsAdmin):
    """Makes and revokes the keys of the user's broker. A key cannot be changed."""

    form = ApiKeyForm
    list_display = (
        *("key_id", "name", "state_label", "networks", "expires_at", "revoked_at"),
        *("last_used_at", "created_at"),
    )
    list_select_related = ("broker",)
    search_fields = ("key_id", "name")
    search_help_text = "Key id or name"
    actions = ("revoke",)
    fields = (
        *("broker", "key_id", "name", "state_label", "networks", "created_at", "expires_at"),
        *("revoked_at", "last_used_at"),
    )
    readonly_fields = ("state_label",)
    empty_text = "No API keys yet. Add one for the marketplace that will sell your tickets."

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj else ("broker", "name", "networks", "expires_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Refuse filters by the hash, which could be used to guess it letter by letter."""
        hidden = lookup.startswith("secret_hash")
        return not hidden and super().lookup_allowed(lookup, value, request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001
        key, obj.shown_once = ApiKey.objects.issue(  # type: ignore[attr-defined]
            obj.broker, name=obj.name, expires_at=obj.expires_at, networks=obj.networks
        )
        obj.pk, obj.key_id = key.pk, key.key_id

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**one_button, **(extra_context or {})})

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Answer the form with the only page that shows the key. The page has no address."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new API key",
            "opts": self.opts,
            "key": obj,
            "whole_key": obj.shown_once,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/automator/apikey/created.html", context)

    @asked_first(
        title="Revoke API keys",
        warning="All further calls with these keys will be refused, and a revoked key can never be "
        "used again. Give the marketplace its new key first.",
        columns=("key_id", "name", "state_label", "networks", "last_used_at"),
    )
    def revoke(self, request: HttpRequest, key: ApiKey, answers: dict[str, Any]) -> str:
        """Revoke a key.

        Raises:
            Refusal: the key was revoked before.
        """
        if not ApiKey.objects.filter(pk=key.pk).revoke():
            raise Refusal("It was already revoked")
        return "Revoked."

    @admin.display(description="state")
    def state_label(self, key: ApiKey) -> SafeString:
        if key.revoked_at:
            return label("voided", "Revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return label("expired", "Expired")
        return label("live", "Live")
