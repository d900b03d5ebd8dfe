"""What goes into the API of simulations, and what comes out."""

from datetime import date
from typing import Annotated

from django.db.models import DateField, Q
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.inputs import Date, Days, SearchText, Text, Time
from api.schemas import In, OwnedOut, Patch
from api.selections import Filter, Selection

NAME = Field(description="What it is called.", examples=["Monsoon season, coarse grid"])
START_DATE = Field(description="Its first day.", examples=["2026-06-01"])
END_DATE = Field(description="Its last day, not before `start_date`.", examples=["2026-09-30"])


class SimulationIn(In):
    """All that a client sets of a simulation."""

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
    """Any of a simulation's fields; those left out stay as they are."""


class SimulationOut(OwnedOut):
    """A simulation."""

    name: str = NAME
    start_date: date = START_DATE
    end_date: date = END_DATE
    created_at: Time
    updated_at: Time


class SimulationSelection(Selection):
    """Which simulations, and in which order."""

    sort_keys = ("name", "start_date", "end_date")

    q: Annotated[SearchText | None, Filter(lambda text: Q(name__icontains=text))] = Field(
        None, description="Keeps names that contain it, whatever the case."
    )
    name: SearchText | None = Field(None, description="Keeps exactly this name.")
    start_date__gte: Date | None = Field(None, description="Keeps what begins on that day or later.")
    start_date__lte: Date | None = Field(None, description="Keeps what begins on that day or earlier.")
    end_date__gte: Date | None = Field(None, description="Keeps what ends on that day or later.")
    end_date__lte: Date | None = Field(None, description="Keeps what ends on that day or earlier.")
    active_on: Annotated[
        Date | None, Filter(lambda day: Q(start_date__lte=day, end_date__gte=day), DateField())
    ] = Field(None, description="Keeps what includes that day.")
    overlaps: Annotated[
        Days | None, Filter(lambda days: Q(start_date__lte=days.last, end_date__gte=days.first))
    ] = Field(
        None,
        description="Keeps what has a day in common with that interval of two dates.",
        examples=["2026-01-01/2026-01-31"],
    )
