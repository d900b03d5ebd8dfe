"""The lists of the admin, quick with a million rows: they neither count nor join all of them."""

from typing import Any

from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first 10,000 rows: counting a million takes longer than showing a hundred of them."""

    CAP = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or the cap if there are more."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.CAP].count()

    @property
    def capped(self) -> bool:
        """Whether there may be rows that no page shows; for the template."""
        return self.count >= self.CAP


class OwnedChangeList(ChangeList):
    """A list that fetches the owners of a page in a second query."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """Avoid a join: SQLite begins it with the owners, and then sorts all rows."""
        return qs.prefetch_related("owner")


class PageActionForm(ActionForm):
    """Runs an action on the selected rows, never on all that match: those are not even counted."""

    def clean_select_across(self) -> bool:
        return False
