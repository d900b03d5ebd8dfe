"""The forms of the pages of simulations; the schemas of the API hold their rules."""

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
    "start_date": "First day",
    "end_date": "Last day",
    "created_at": "Created",
    "updated_at": "Changed",
}
SORTS = [
    *((key, f"{label}, ascending") for key, label in SORT_KEYS.items()),
    *((f"-{key}", f"{label}, descending") for key, label in SORT_KEYS.items()),
]
A_TIME = "As 2026-01-15T08:00:00Z"


@dataclass(frozen=True)
class Difference:
    """A field as it is now, and as somebody wants to have it who saw another version."""

    label: str
    theirs: str
    mine: str

    @property
    def differs(self) -> bool:
        """Whether somebody has to choose."""
        return self.theirs != self.mine


class SimulationForm(SchemaForm):
    """All that somebody sets of a simulation."""

    schema = SimulationIn
    read: SimulationIn

    name = text_field("Name", required=True)
    start_date = day_field("First day", required=True)
    end_date = day_field("Last day", required=True)

    def beside(self, row: Simulation) -> list[Difference]:
        """Return the fields of a valid form, each beside what the row has."""
        names = self.schema.model_fields
        return [
            Difference(str(self[n].label), str(getattr(row, n)), str(getattr(self.read, n))) for n in names
        ]


class FilterForm(SchemaForm):
    """Which simulations a page shows: those of the list of the API that have the same parameters."""

    schema = SimulationSelection
    read: SimulationSelection

    q = text_field("Name contains")
    active_on = day_field("Active on")
    start_date__gte = day_field("Begins on or after")
    end_date__lte = day_field("Ends on or before")
    start_date__lte = day_field("Begins on or before")
    end_date__gte = day_field("Ends on or after")
    name = text_field("Name is exactly")
    overlaps = text_field("Overlaps", placeholder="2026-01-01/2026-01-31")
    created_at__gte = text_field("Created at or after", A_TIME)
    created_at__lt = text_field("Created before", A_TIME)
    updated_at__gte = text_field("Changed at or after", A_TIME)
    updated_at__lt = text_field("Changed before", A_TIME)
    sort = forms.Field(
        required=False, label="Sort by", widget=forms.Select(choices=[("", "Newest first"), *SORTS])
    )

    shown: tuple[str, ...] = ("q", "active_on", "start_date__gte", "end_date__lte", "sort")
    """The fields that are not folded away."""

    def first_fields(self) -> list[forms.BoundField]:
        """Return the fields that are always seen."""
        return [self[name] for name in self.shown]

    def more_fields(self) -> list[forms.BoundField]:
        """Return the fields that are folded away."""
        return [field for field in self if field.name not in self.shown]

    def more_used(self) -> bool:
        """Tell whether a field that would be folded away has a value or an error."""
        return any(field.value() or field.errors for field in self.more_fields())


class TimelineFilterForm(FilterForm):
    """Which simulations the timeline shows; the days have their own order."""

    sort = None  # type: ignore[assignment]  # how Django takes a field away
    shown = ("q",)


class WindowForm(SchemaForm):
    """Which days the timeline shows."""

    schema = WindowIn
    read: WindowIn

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the fields here, as Python has no variable called `from`."""
        super().__init__(*args, **kwargs)
        self.fields = {"from": day_field("From"), "to": day_field("To")}


def query_of(where: SimulationSelection, **more: Any) -> str:
    """Return the query of an address that selects the same, with some parameters set."""
    return urlencode({**where.model_dump(mode="json", exclude_unset=True), **more})
