"""What resources build their schemas on: strict on the way in, exact on the way out."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.inputs import Flag, Id, Limit

ItemT = TypeVar("ItemT")
InT = TypeVar("InT", bound="In")

BULK_ROWS = 10_000


class In(BaseModel):
    """What a client sends: unknown fields are refused, and so is `"5"` or `true` for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


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


class Unreadable(str):
    """What is wrong with a row of CSV or NDJSON that could not even be read."""


def _readable(row: Any) -> Any:
    if isinstance(row, Unreadable):
        raise PydanticCustomError("unreadable_row", "{detail}", {"detail": str(row)})
    return row


class Bulk(In, Generic[InT]):
    """Many objects at once; CSV and NDJSON are read into this form too."""

    items: list[Annotated[InT, BeforeValidator(_readable)]] = Field(min_length=1, max_length=BULK_ROWS)

    @classmethod
    def item_schema(cls) -> type[In]:
        """Return the schema of one object."""
        item: type[In] = cls.__pydantic_generic_metadata__["args"][0]
        return item


class Out(BaseModel):
    """What the service answers with."""


class OwnedOut(Out):
    """What each owned object shows beside its own fields; a resource adds those, and the times."""

    id: Id


class PageQuery(BaseModel):
    """Which page of a list."""

    limit: Limit = Field(100, description="How many items a page has at most.")
    cursor: str | None = Field(
        None, description="The `next_cursor` of the page before, with the same sort and filters."
    )
    count: Flag = Field(False, description="Whether to count all that match, on all pages.")


class Page(Out, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next_cursor: str | None = Field(
        description="Where the next page begins: send it as `cursor`; null on the last page."
    )
    count: int | None = Field(None, description="How many match on all pages; only with `count=true`.")


class Created(Out):
    """What a bulk create made."""

    created: int = Field(description="How many objects were made.", examples=[2])
    ids: list[Id] = Field(description="Their ids, in the order of the rows.")
