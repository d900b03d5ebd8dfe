"""The schemas of the peers that validate with pydantic: both FastAPI peers and stock django-ninja."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

SortKey = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "name",
    "-name",
    "start_date",
    "-start_date",
    "end_date",
    "-end_date",
]


def iso_date(value: Any) -> Any:
    """Reject other values that pydantic converts to dates: Unix times, dates with a time."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("must be a date as YYYY-MM-DD")
    return value


Date = Annotated[date, BeforeValidator(iso_date)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class SimulationIn(BaseModel):
    """The fields of a simulation that clients set."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    start_date: Date
    end_date: Date

    @model_validator(mode="after")
    def dates_in_order(self) -> "SimulationIn":
        """Reject a period that ends before it starts."""
        if self.end_date < self.start_date:
            raise ValueError("end_date must not be before start_date")
        return self


class SimulationOut(BaseModel):
    """A simulation."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    start_date: date
    end_date: date
    created_at: datetime
    updated_at: datetime


class Bulk(BaseModel):
    """Many simulations at once."""

    model_config = ConfigDict(extra="forbid")

    items: list[SimulationIn] = Field(min_length=1, max_length=10_000)


class Created(BaseModel):
    """The result of a bulk create."""

    created: int
    ids: list[str]


class Page(BaseModel):
    """One page of a list."""

    items: list[SimulationOut]
    next_cursor: str | None


class ListQuery(BaseModel):
    """The filters, the order and the page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = None
    sort: SortKey = "-created_at"
    q: str | None = None
    name: str | None = None
    start_date__gte: Date | None = None
    start_date__lte: Date | None = None
    end_date__gte: Date | None = None
    end_date__lte: Date | None = None

    @property
    def key(self) -> str:
        """The sort field."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the order is descending."""
        return self.sort.startswith("-")
