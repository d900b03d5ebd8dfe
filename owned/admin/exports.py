"""Exports from the admin: the rows that were ticked, or all that a search and filters keep."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse

from owned.exports import stream
from owned.versions import STAMPS

OWNER = "owner_username"


class ExportingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The admin of a model whose rows have owners, with an export beside its list."""

    change_list_template = "admin/owned/change_list.html"
    actions = ["export_ticked"]

    def get_urls(self) -> list[URLPattern]:
        """Add the export, which takes what the list's address takes."""
        view = self.admin_site.admin_view(self.export)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with all rows that a list with these parameters keeps, on all of its pages, in its order."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{self.address('changelist')}?e=1")
        return self.csv_of(rows)

    def csv_of(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """Return the rows as CSV, with the name of each owner."""
        # A join would have SQLite begin with the owners, and then sort all rows.
        owner = get_user_model()._default_manager.filter(pk=OuterRef("owner"))
        named = rows.annotate(**{OWNER: Subquery(owner.values("username"))})
        placed = {"id", "owner", *STAMPS}
        own = [field.name for field in self.opts.concrete_fields if field.name not in placed]
        return stream(named, ["id", OWNER, *own, *STAMPS])

    @admin.action(description="Export selected %(verbose_name_plural)s as CSV", permissions=["view"])
    def export_ticked(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseRedirect:
        """Lead to the export of these rows alone."""
        ids = ",".join(queryset.values_list("pk", flat=True))
        return HttpResponseRedirect(f"{self.address('export')}?{urlencode({'id__in': ids})}")

    def address(self, page: str) -> str:
        """Return the path of one of the model's pages."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}")
