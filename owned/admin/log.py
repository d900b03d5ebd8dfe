"""The admin's log in the admin: who wrote what, quick with ten million entries."""

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from owned.admin.lists import CappedPaginator
from owned.history import NUMBER_BITS, RequestId

NUMBER = re.compile(r"[0-9]{1,19}")


def kinds(site: admin.AdminSite) -> dict[str, ContentType]:
    """Return the content types of all that the admin writes and shows, by the models' labels."""
    found = ContentType.objects.get_for_models(*site._registry)
    return {model._meta.label_lower: kind for model, kind in found.items()}


class KindFilter(admin.SimpleListFilter):
    """Entries by the kind of object; the kinds are known without a look at the entries."""

    title = "kind of object"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        self.kinds = kinds(model_admin.admin_site)
        return sorted((label, kind.name) for label, kind in self.kinds.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the entries of the chosen kind."""
        kind = self.kinds.get(self.value() or "")
        return queryset.filter(content_type=kind) if kind else queryset


class LogChangeList(ChangeList):
    """A list of entries that knows which of their objects are still there."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """Fetch what a page shows of other tables apart: no join leads the database off the order's index."""
        return qs.prefetch_related("user", "content_type")

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        look_for_objects(self.result_list)


def look_for_objects(entries: Iterable[Any]) -> None:
    """Note on each entry whether its object is `there`, by a query for each kind of object."""
    ids: defaultdict[ContentType, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.content_type and entry.object_id:
            ids[entry.content_type].add(entry.object_id)
    there = {(kind, str(pk)) for kind, wanted in ids.items() for pk in stored(kind.model_class(), wanted)}
    for entry in entries:
        entry.there = (entry.content_type, entry.object_id) in there


def stored(model: type[Model] | None, ids: set[str]) -> Iterable[Any]:
    """Return which of these are keys of the model's rows; an old entry may hold anything, of any model."""
    if model is None:
        return ()
    keys = []
    for id in ids:
        with suppress(ValidationError):
            keys.append(model._meta.pk.to_python(id))
    return model._default_manager.filter(pk__in=keys).values_list("pk", flat=True)


class LogEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Entries to look at, the latest first; what is searched for is looked up by an index, as it is."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ["-action_time", "-pk"]
    sortable_by = ()
    list_per_page = 40  # with the longest names, these are near 100 KB
    list_display = ("action_time", "user", "action_flag", "kind", "object", "message")
    fields = ("action_time", "user", "action_flag", "kind", "object", "message")
    list_filter = [KindFilter]
    search_fields = ["object_id"]  # shows the box
    search_help_text = "A request's ID, an object's ID or a username, as it is."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows which objects are there."""
        return LogChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Keep what a request wrote, what was written to an object, and what a user wrote: all of the three.

        A client chooses the ids of its requests, and so must not hide a user's entries behind their name.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        # The index on objects begins with their kind.
        found = Q(request_id=term) | Q(content_type__in=kinds(self.admin_site).values(), object_id=term)
        user = get_user_model()._default_manager.filter(username=term).first()
        if user is not None:
            found |= Q(user=user)
        return queryset.alias(request_id=RequestId("change_message")).filter(found), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return an entry that knows whether its object is there.

        Its number may be past what Django takes for the field's, with which nothing is equal to it; to be one
        of several is another thing.
        """
        if not NUMBER.fullmatch(object_id) or int(object_id).bit_length() > NUMBER_BITS:
            return None
        entry = self.get_queryset(request).filter(pk__in=[int(object_id)]).first()
        if entry is not None:
            look_for_objects([entry])
        return entry

    @admin.display(description="kind")
    def kind(self, entry: LogEntry) -> str:
        """Name what kind of object it is."""
        return entry.content_type.name if entry.content_type else ""

    @admin.display(description="object")
    def object(self, entry: Any) -> str:
        """Name the object, and lead to it where it is there."""
        url = entry.get_admin_url() if entry.there else None
        return format_html('<a href="{}">{}</a>', url, entry.object_repr) if url else entry.object_repr

    @admin.display(description="message")
    def message(self, entry: LogEntry) -> str:
        """Tell the request, what it did and with which key."""
        return entry.get_change_message()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave writing to the writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Change nothing of what was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Delete nothing of what was."""
        return False
