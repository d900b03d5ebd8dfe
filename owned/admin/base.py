"""The admin of owned resources, quick with a million rows: no full count, no scan, no list of all users."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest

from owned.admin.exports import ExportingAdmin
from owned.admin.history import HistoryAdmin
from owned.admin.lists import CappedPaginator, OwnedChangeList, PageActionForm
from owned.admin.locks import LockedForm
from owned.models import OwnedModel


class OwnedAdmin(ExportingAdmin, HistoryAdmin):
    """The admin of an owned resource, which does not overwrite what others changed meanwhile.

    It lists the latest first, by the index on `created_at` and `id`.
    """

    FEW = 1000  # results of a search that are listed by their ids

    form = LockedForm
    change_form_template = "admin/owned/change_form.html"
    paginator = CappedPaginator
    action_form = PageActionForm
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    autocomplete_fields = ["owner"]
    readonly_fields = ["id", "created_at", "updated_at", "version"]
    search_help_text = "An ID or an owner's username as it is, else a part of a name."
    ordering = ["-created_at"]
    sortable_by = ["created_at"]  # the other indexes begin with the owner

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OwnedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look up an ID or an owner by an index; only what is neither is searched for in all rows, once."""
        if not search_term:
            return queryset, False
        by_id = queryset.filter(pk=search_term)
        if by_id.exists():
            return by_id, False
        owner = get_user_model()._default_manager.filter(username=search_term).first()
        if owner is not None:
            return queryset.filter(owner=owner), False
        everywhere, _ = super().get_search_results(request, self.get_queryset(request), search_term)
        ids = list(everywhere.order_by().values_list("pk", flat=True)[: self.FEW + 1])
        if len(ids) > self.FEW:
            return super().get_search_results(request, queryset, search_term)
        # The count and the page would search again, and the page of a rare word all along its index.
        return queryset.filter(pk__in=ids), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row; lock it if it is about to change."""
        row: OwnedModel | None = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST":
            return self.get_queryset(request).select_for_update().filter(pk=row.pk).first()
        return row
