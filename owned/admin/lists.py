"""The lists of the admin, quick with a million rows: no full count, no scan for a date hierarchy."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import build_q_object_from_lookup_parameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first 10,000 rows: counting a million takes longer than showing a hundred of them."""

    CAP = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or the cap where there are more."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.CAP].count()

    @property
    def capped(self) -> bool:
        """Tell the template that there may be rows that no page shows."""
        return self.count >= self.CAP


class Periods(QuerySet[Any]):
    """Rows as the date hierarchy asks about them, answered from the two ends of an index.

    Stock Django reads every row for the periods that hold one; this lists all from the first to the last.
    """

    def aggregate(self, *args: Any, **ends: Any) -> dict[str, Any]:
        """Return each end by a query of its own: SQLite reads the whole table for two at once."""
        return {name: super(Periods, self).aggregate(end=end)["end"] for name, end in ends.items()}

    def datetimes(self, field_name: str, kind: str, *args: Any, **kwargs: Any) -> list[datetime]:  # type: ignore[override]
        """Return the beginnings of the periods from the first row's to the last row's."""
        ends = self.aggregate(first=Min(field_name), last=Max(field_name))
        if ends["first"] is None:
            return []
        start, last = (beginning(timezone.localtime(end), kind) for end in ends.values())
        periods = [start]
        while periods[-1] < last:
            # No period is longer than 366 days, or as long as two of its kind less a day.
            step = timedelta(days={"year": 366, "month": 31, "day": 1}[kind])
            periods.append(beginning(periods[-1] + step, kind))
        return periods


def beginning(time: datetime, kind: str) -> datetime:
    """Return the first moment of the year, month or day that the time is in."""
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return day
    return day.replace(day=1) if kind == "month" else day.replace(month=1, day=1)


class OwnedChangeList(ChangeList):
    """A list whose date hierarchy does not depend on the search and the other filters."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """Fetch the owners of a page apart: SQLite begins a join with the owners, and then sorts all rows."""
        return qs.prefetch_related("owner")

    def get_filters(self, request: HttpRequest) -> Any:
        """Keep what the hierarchy itself asks for: the chosen year, month or day."""
        filters = super().get_filters(request)
        prefix = f"{self.date_hierarchy}__"
        chosen: Any = {name: value for name, value in filters[2].items() if name.startswith(prefix)}
        self.chosen_period = build_q_object_from_lookup_parameters(chosen)
        return filters

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page; after that, only the date hierarchy looks at `queryset`."""
        super().get_results(request)
        rows = self.root_queryset.filter(self.chosen_period)
        self.queryset = Periods(self.model, query=rows.query, using=rows.db)


class PageActionForm(ActionForm):
    """Actions on the rows that were ticked, and never on all that match: those are not even counted."""

    def clean_select_across(self) -> bool:
        """Pass over a wish for all rows."""
        return False
