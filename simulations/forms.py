"""Forms of the simulation pages. The API's schemas validate them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms

from api.forms import SchemaForm, day_field, text_field
from simulations.models import Simulation
from simulations.schemas import SimulationIn, SimulationSelection
from simulations.windows import WindowIn

SORT_KEYS = {
    "name": "Name",
    "start_date": "Start date",
    "end_date": "End date",
    "created_at": "Created",
    "updated_at": "Updated",
}
SORTS = [
    *((key, f"{label}, ascending") for key, label in SORT_KEYS.items()),
    *((f"-{key}", f"{label}, descending") for key, label in SORT_KEYS.items()),
]
A_TIME = "For example 2026-01-15T08:00:00Z"


@dataclass(frozen=True)
class Difference:
    """The current value of a field, and the value that the user submitted."""

    label: str
    theirs: str
    mine: str

    @property
    def differs(self) -> bool:
        """Whether the two values differ."""
        return self.theirs != self.mine


class SimulationForm(SchemaForm):
    """Creates or edits a simulation."""

    schema = SimulationIn
    read: SimulationIn

    name = text_field("Name", required=True)
    start_date = day_field("Start date", required=True)
    end_date = day_field("End date", required=True)

    def beside(self, row: Simulation) -> list[Difference]:
        """Compare the submitted values of a valid form with those of a row."""
        names = self.schema.model_fields
        return [
            Difference(str(self[n].label), str(getattr(row, n)), str(getattr(self.read, n))) for n in names
        ]


class FilterForm(SchemaForm):
    """Filters the simulations of a page, with the parameters of the API's list."""

    schema = SimulationSelection
    read: SimulationSelection

    q = text_field("Name contains")
    active_on = day_field("Active on")
    start_date__gte = day_field("Starts on or after")
    end_date__lte = day_field("Ends on or before")
    start_date__lte = day_field("Starts on or before")
    end_date__gte = day_field("Ends on or after")
    name = text_field("Name is exactly")
    overlaps = text_field("Overlaps", placeholder="2026-01-01/2026-01-31")
    created_at__gte = text_field("Created at or after", A_TIME)
    created_at__lt = text_field("Created before", A_TIME)
    updated_at__gte = text_field("Updated at or after", A_TIME)
    updated_at__lt = text_field("Updated before", A_TIME)
    sort = forms.Field(
        required=False, label="Sort by", widget=forms.Select(choices=[("", "Newest first"), *SORTS])
    )

    shown: tuple[str, ...] = ("q", "active_on", "start_date__gte", "end_date__lte", "sort")
    """The fields that are always visible. The others are under "More filters"."""

    def first_fields(self) -> list[forms.BoundField]:
        """Return the fields that are always visible."""
        return [self[name] for name in self.shown]

    def more_fields(self) -> list[forms.BoundField]:
        """Return the fields under "More filters"."""
        return [field for field in self if field.name not in self.shown]

    def more_used(self) -> bool:
        """Return whether a field under "More filters" has a value or an error."""
        return any(field.value() or field.errors for field in self.more_fields())


class TimelineFilterForm(FilterForm):
    """Filters the simulations of the timeline, which is always sorted by date."""

    sort = None  # type: ignore[assignment]  # removes the inherited field
    shown = ("q",)


class WindowForm(SchemaForm):
    """Selects the dates that the timeline shows."""

    schema = WindowIn
    read: WindowIn

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Add the fields here, because `from` is a keyword in Python."""
        super().__init__(*args, **kwargs)
        self.fields = {"from": day_field("From"), "to": day_field("To")}


def query_of(where: SimulationSelection, **more: Any) -> str:
    """Return the query string of a selection, with additional parameters."""
    return urlencode({**where.model_dump(mode="json", exclude_unset=True), **more})
