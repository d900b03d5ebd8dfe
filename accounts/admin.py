"""Admin for users and their API keys."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.core.exceptions import PermissionDenied
from django.db import models, router, transaction
from django.db.models.deletion import Collector
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.audit import AuditedAdmin, with_request
from accounts.forms import KeyForm
from accounts.models import ApiKey, ApiKeyQuerySet, User

admin.site.unregister([AccessLog, AccessFailureLog])  # not recorded; only attempts are stored

KEY_FIELDS = ("name", "prefix", "read_only", "created_at", "expires_at", "last_used_at", "revoked_at")


class ApiKeyInline(admin.TabularInline):  # type: ignore[type-arg]
    """A user's API keys, read only."""

    model = ApiKey
    fields = KEY_FIELDS
    readonly_fields = KEY_FIELDS
    show_change_link = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hide the form: keys are issued on a page that shows them once."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hide the form: keys are edited on their own page."""
        return False


@admin.register(User)
class UserAdmin(AuditedAdmin, StockUserAdmin):  # type: ignore[type-arg]
    """Users, with their API keys and a page that issues a key."""

    inlines = [ApiKeyInline]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that issues an API key."""
        view = self.admin_site.admin_view(self.issue_key)
        return [path("<id>/issue-key/", view, name="accounts_user_issue_key"), *super().get_urls()]

    def issue_key(self, request: HttpRequest, id: str) -> TemplateResponse:
        """Issue an API key for a user. Only the response to the POST, never cached, shows the key."""
        if not request.user.has_perm("accounts.add_apikey"):
            raise PermissionDenied
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404
        form = KeyForm(request.POST or None)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Issue an API key: {user}",
            "opts": self.opts,
            "original": user,
        }
        if form.is_valid():
            with transaction.atomic():
                record, key = ApiKey.issue(user, **form.cleaned_data)
                self.log_change(request, user, f"Issued the API key {record}.")
            return TemplateResponse(request, "admin/accounts/user/key_issued.html", {**context, "key": key})
        fieldset = (None, {"fields": list(form.fields)})
        context["adminform"] = AdminForm(form, [fieldset], {})
        return TemplateResponse(request, "admin/accounts/user/issue_key.html", context)

    def get_deleted_objects(
        self, objs: Sequence[User] | models.QuerySet[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count the related objects. Django loads every one of them, which can be a million simulations."""
        collector = Collector(using=router.db_for_write(User))
        collector.collect(objs)
        counts = Counter({model: len(rows) for model, rows in collector.data.items()})
        for rows in collector.fast_deletes:
            counts[rows.model] += rows.count()
        forbidden = {
            str(model._meta.verbose_name)
            for model in counts
            if self.admin_site.is_registered(model)
            and model is not LogEntry  # deleted with its user, never by itself
            and not self.admin_site.get_model_admin(model).has_delete_permission(request)
        }
        named = {str(model._meta.verbose_name_plural): count for model, count in counts.items() if count}
        return [str(user) for user in objs], named, forbidden, []


class StateFilter(admin.SimpleListFilter):
    """Filter API keys by status."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses."""
        return [
            ("valid", "Active"),
            ("expiring", "Active, expires within 14 days"),
            ("unused", "Active, unused for 90 days"),
            ("expired", "Expired"),
            ("revoked", "Revoked"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> ApiKeyQuerySet:
        """Return the API keys with the selected status."""
        keys: ApiKeyQuerySet = queryset
        match self.value():
            case "valid":
                return keys.valid()
            case "expiring":
                return keys.expiring()
            case "unused":
                return keys.unused()
            case "expired":
                return keys.filter(revoked_at__isnull=True, expires_at__lte=timezone.now())
            case "revoked":
                return keys.filter(revoked_at__isnull=False)
        return keys


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """API keys of all users. Staff can rename and revoke them here, and issue them on the user's page."""

    list_display = ["prefix", "user", *(field for field in KEY_FIELDS if field != "prefix")]
    list_filter = ["read_only", StateFilter]
    list_select_related = ["user"]
    search_fields = ["prefix__startswith", "name", "user__username"]
    fields = ["user", *KEY_FIELDS]
    readonly_fields = ["user", *(field for field in KEY_FIELDS if field != "name")]
    actions = ["revoke_keys"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hide the form: keys are issued on a page that shows them once."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: Any) -> None:
        """Save the changed fields only, because the key may have been revoked since it was loaded."""
        obj.save(update_fields=form.changed_data)

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke_keys(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> None:
        """Revoke the API keys with immediate effect."""
        with transaction.atomic():
            still_open = list(queryset.filter(revoked_at__isnull=True))
            LogEntry.objects.log_actions(request.user.pk or 0, still_open, CHANGE, with_request("Revoked"))
            revoked = queryset.revoke()
        self.message_user(request, f"API keys revoked: {revoked}.", messages.SUCCESS)

    def response_change(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        """Revoke the API key if the "Revoke" button was pressed."""
        if "_revoke" not in request.POST:
            return super().response_change(request, obj)
        self.revoke_keys(request, ApiKey.objects.filter(pk=obj.pk))
        return HttpResponseRedirect(request.get_full_path())
