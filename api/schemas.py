"""Base schemas of resources: strict in, exact out."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_serializer

from api.inputs import Flag, Limit, ObjectId
from api.json_types import from_json
from api.operations.parsing import JSON, MERGE_PATCH, BodyReader, parse_json

ItemT = TypeVar("ItemT")


class In(BaseModel):
    """What a client sends. Unknown fields are invalid, and so are `"5"` and `true` for a number.

    Types that JSON does not have (`Decimal`, `UUID`, `Enum`, dates and times) are read from their strings.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let types that JSON does not have be read from JSON."""
        for field in cls.model_fields.values():
            field.annotation = from_json(field.annotation, field.metadata)
        cls.model_rebuild(force=True)


class Patch(In):
    """A part of what a client sends: put before an `In` schema, it makes each field optional.

    `model_dump(exclude_unset=True)` then holds what was sent; an explicit `null` is still invalid.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Give every field a default, which nobody sees."""
        for field in cls.model_fields.values():
            field.default, field.default_factory = None, None
        super().__pydantic_init_subclass__(**kwargs)

    @classmethod
    def body_reader(cls) -> BodyReader:
        """Accept a merge patch too."""
        return BodyReader({JSON: parse_json, MERGE_PATCH: parse_json})


class Out(BaseModel):
    """What the service returns; read from an object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class OwnedOut(Out):
    """What each owned object shows besides its own fields; a resource adds those, and the times."""

    id: ObjectId


class PageQuery(BaseModel):
    """Which page of a list."""

    limit: Limit = Field(100, description="The most items of a page.")
    cursor: str | None = Field(
        None, description="The `next_cursor` of the previous page; sort and filters must be the same."
    )
    count: Flag = Field(False, description="Whether to count the matches on all pages.")


class Page(Out, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next_cursor: str | None = Field(
        description="Send it as `cursor` to get the next page; null on the last page."
    )
    count: int | None = Field(None, description="The number of matches on all pages; only with `count=true`.")

    @model_serializer(mode="wrap")
    def _without_count(self, write: Any):  # type: ignore[no-untyped-def]  # a type would be the document's
        """Leave `count` out unless it was asked for."""
        content = write(self)
        if self.count is None:
            content.pop("count", None)
        return content
