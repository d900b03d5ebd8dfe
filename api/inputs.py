"""Types of single values. They are strict where pydantic and Python are lenient."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from django.core.exceptions import ObjectDoesNotExist
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from owned.ids import ID_LENGTH, ID_PATTERN

ID_EXAMPLE = "vytxeTZskVKR7C7WgdSP"

_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"  # as JSON Schema, without leap years
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Interval:
    """The days from `first` to `last`, both inclusive."""

    first: date
    last: date


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    return value


def iso_date(value: Any) -> date:
    """Parse a date. Reject the other forms that pydantic accepts: Unix times, dates with a time."""
    if not isinstance(value, str):
        raise PydanticCustomError("date_format", "must be a string in YYYY-MM-DD format")
    if not _DATE.fullmatch(value):
        raise PydanticCustomError("date_format", "must be a date in YYYY-MM-DD format")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date_parsing", "is not a valid date") from None


def rfc3339(value: Any) -> datetime:
    """Parse a time. Reject the other forms that pydantic accepts: Unix times, times without an offset."""
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # not a valid date or time, or outside of the years 1 to 9999 in UTC
    raise PydanticCustomError(
        "time_format",
        "must be a time such as 2026-01-15T08:00:00Z; in a URL, write the + of an offset as %2B",
    )


def _interval(value: Any) -> Interval:
    first, slash, last = str(value).partition("/")
    if not slash:
        raise PydanticCustomError("interval_format", "must be two dates in YYYY-MM-DD/YYYY-MM-DD format")
    interval = Interval(iso_date(first), iso_date(last))
    if interval.last < interval.first:
        raise PydanticCustomError("interval_order", "must start with the earlier date")
    return interval


def _decimal(value: Any) -> Any:
    """Reject the other forms of an integer that pydantic accepts: `1_000`, `1.0`, spaces."""
    if isinstance(value, int) or _INTEGER.fullmatch(value):
        return value
    raise PydanticCustomError("int_parsing", "must be a whole number")


def _true_or_false(value: Any) -> bool:
    """Parse a boolean. Reject the other forms that pydantic accepts: `1`, `on`, `yes`."""
    if value in ("true", "false"):
        return bool(value == "true")
    raise PydanticCustomError("bool_parsing", "must be true or false")


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    AfterValidator(_no_nul),
    # The validators above as JSON Schema: at least one character that is not white space, and no NUL.
    Field(json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}),
]
"""A string of 1 to 300 characters after trimming Unicode white space."""

SearchText = Annotated[str, StringConstraints(max_length=300), AfterValidator(_no_nul)]
"""A string to search for, without trimming."""

Date = Annotated[date, BeforeValidator(iso_date)]
"""A date, `YYYY-MM-DD`."""

Moment = Annotated[datetime, BeforeValidator(rfc3339)]
"""An RFC 3339 time with `Z` or an offset."""

Days = Annotated[
    Interval,
    PlainValidator(_interval),
    PlainSerializer(lambda days: f"{days.first}/{days.last}"),
    WithJsonSchema({"type": "string", "pattern": f"^{_DAY}/{_DAY}$"}),
]
"""Two dates, `YYYY-MM-DD/YYYY-MM-DD`, in order."""

Flag = Annotated[bool, BeforeValidator(_true_or_false)]
"""`true` or `false` in a query string."""

Whole = Annotated[int, BeforeValidator(_decimal)]
"""An integer in a query string."""

Limit = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_decimal)]

ID_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "minLength": ID_LENGTH,
        "maxLength": ID_LENGTH,
        "pattern": f"^{ID_PATTERN.pattern}$",
        "description": "20 random characters of shortuuid's alphabet.",
        "examples": [ID_EXAMPLE],
    }
)


def _possible(value: str) -> str:
    """Refuse what cannot be an id as one that does not exist: a 404, no 422, and no query."""
    if not ID_PATTERN.fullmatch(value):
        raise ObjectDoesNotExist
    return value


ObjectId = Annotated[str, ID_SCHEMA]
"""An object's id, in a response."""

Id = Annotated[str, ID_SCHEMA, AfterValidator(_possible)]
"""An object's id, in a path."""

Time = Annotated[datetime, Field(examples=["2026-11-22T08:00:00.123456Z"])]
"""A time in UTC: RFC 3339 with microseconds, ending in `Z`."""
