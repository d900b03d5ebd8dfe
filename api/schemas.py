"""The types of which resources build their schemas: strict on the way in, exact on the way out."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from api.ids import ID_LENGTH, ID_PATTERN

ItemT = TypeVar("ItemT")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    return value


def _iso_date(value: Any) -> Any:
    """Refuse what pydantic would make a date of besides: Unix times, dates with a time."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise PydanticCustomError("date_format", "must be a date as YYYY-MM-DD, in quotes")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date_parsing", "must be a day that exists") from None


def _decimal(value: Any) -> Any:
    """Refuse what pydantic would make a number of besides: `1_000`, `1.0`, spaces."""
    if isinstance(value, int) or _INTEGER.fullmatch(value):
        return value
    raise PydanticCustomError("int_parsing", "must be a whole number")


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    AfterValidator(_no_nul),
    # What the validators above do, said in JSON Schema: something other than white space, and no NUL.
    Field(json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}),
]
"""A line of text, 1 to 300 characters after trimming Unicode white space."""

Date = Annotated[date, BeforeValidator(_iso_date)]
"""A day, `YYYY-MM-DD`."""

Limit = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_decimal)]

Id = Annotated[
    str,
    # Told, not validated: an id of another shape is one that does not exist, a 404 and no 422.
    WithJsonSchema(
        {
            "type": "string",
            "minLength": ID_LENGTH,
            "maxLength": ID_LENGTH,
            "pattern": f"^{ID_PATTERN.pattern}$",
            "description": "20 characters of shortuuid's alphabet, random.",
            "examples": ["vytxeTZskVKR7C7WgdSP"],
        }
    ),
]
"""An object's id."""

Time = Annotated[datetime, Field(examples=["2026-11-22T08:00:00.123456Z"])]
"""A moment in UTC: RFC 3339 with microseconds, ending in `Z`."""


class In(BaseModel):
    """What a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Patch(In):
    """A part of what a client sends: laid before an `In` schema, it lets each of its fields be left out.

    `model_dump(exclude_unset=True)` then holds what was sent; an explicit `null` is an error.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Give every field a default, which nobody sees."""
        for field in cls.model_fields.values():
            field.default = None
        cls.model_rebuild(force=True)


class Out(BaseModel):
    """What the service answers with."""


class OwnedOut(Out):
    """What each owned object shows beside its own fields; a resource adds those, and the times."""

    id: Id


class ListQuery(BaseModel):
    """The parameters of every list. A resource narrows `sort` to its own keys, and adds its filters."""

    limit: Limit = Field(100, description="How many items a page has at most.")
    cursor: Annotated[str | None, WithJsonSchema({"type": "string"})] = Field(
        None,
        description="The `next_cursor` of the page before, with the same sort and filters.",
    )

    sort: str = "-created_at"


class Page(Out, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next_cursor: str | None = Field(
        description="Where the next page begins: send it as `cursor`; null on the last page."
    )
