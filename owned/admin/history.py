"""The history of objects in the admin: each object's page, and a search over all of a model."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from owned.history import find_versions, history_of


class HistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose history is the versions of the objects, whoever made them; it logs nothing itself."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changes)
        name = f"{self.opts.app_label}_{self.opts.model_name}_changes"
        return [path("changes/", view, name=name), *super().get_urls()]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> TemplateResponse:
        """Show the versions of an object, of a deleted one too."""
        id = unquote(object_id)
        entries = history_of(self.model, id) if self.has_view_permission(request) else self.deny()
        if not entries:
            raise Http404
        return self.page(request, f"History: {entries[0].name}", entries=entries, **(extra_context or {}))

    def changes(self, request: HttpRequest) -> TemplateResponse:
        """Look up what a request or a user changed, or the versions of an object."""
        term = request.GET.get("q", "").strip().replace("\0", "")
        entries = find_versions(self.model, term) if self.has_view_permission(request) else self.deny()
        return self.page(request, "Changes", entries=entries if term else [], term=term, search=True)

    def deny(self) -> Any:
        raise PermissionDenied

    def page(self, request: HttpRequest, title: str, **context: Any) -> TemplateResponse:
        """Render a table of versions."""
        context |= {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, "admin/owned/history.html", context)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Log nothing: the row says who created it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Log nothing: the version says who made it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """Log nothing: the last version says who deleted the object."""
