"""Request and response schemas of simulations."""

from datetime import date
from typing import Annotated

from django.db.models import DateField, Q
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.inputs import Date, Days, SearchText, Text, Time
from api.schemas import In, OwnedOut, Patch
from api.selections import Filter, Selection

NAME = Field(description="The name of the simulation.", examples=["Monsoon season, coarse grid"])
START_DATE = Field(description="The first simulated day.", examples=["2026-06-01"])
END_DATE = Field(description="The last simulated day, not before `start_date`.", examples=["2026-09-30"])


class SimulationIn(In):
    """The fields of a simulation that a client sets."""

    name: Text = NAME
    start_date: Date = START_DATE
    end_date: Date = END_DATE

    @field_validator("end_date")
    @classmethod
    def _in_order(cls, end_date: date, info: ValidationInfo) -> date:
        start_date = info.data.get("start_date")
        if start_date is not None and end_date < start_date:
            raise PydanticCustomError("date_order", "must not be before start_date")
        return end_date


class SimulationPatch(Patch, SimulationIn):
    """Any fields of a simulation. Fields that are left out stay unchanged."""


class SimulationOut(OwnedOut):
    """A simulation."""

    name: str = NAME
    start_date: date = START_DATE
    end_date: date = END_DATE
    created_at: Time
    updated_at: Time


class SimulationSelection(Selection):
    """The filters and the sort of simulations."""

    sort_keys = ("name", "start_date", "end_date")

    q: Annotated[SearchText | None, Filter(lambda text: Q(name__icontains=text))] = Field(
        None, description="Name contains (case-insensitive)."
    )
    name: SearchText | None = Field(None, description="Name is exactly.")
    start_date__gte: Date | None = Field(None, description="Starts on or after this date.")
    start_date__lte: Date | None = Field(None, description="Starts on or before this date.")
    end_date__gte: Date | None = Field(None, description="Ends on or after this date.")
    end_date__lte: Date | None = Field(None, description="Ends on or before this date.")
    active_on: Annotated[
        Date | None, Filter(lambda day: Q(start_date__lte=day, end_date__gte=day), DateField())
    ] = Field(None, description="Includes this date.")
    overlaps: Annotated[
        Days | None, Filter(lambda days: Q(start_date__lte=days.last, end_date__gte=days.first))
    ] = Field(
        None,
        description="Shares at least one day with this interval of two dates.",
        examples=["2026-01-01/2026-01-31"],
    )
