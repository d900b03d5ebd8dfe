"""The schemas of a bulk create."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api.bulk.rows import BULK_ROWS, Unreadable, read_csv_of, read_ndjson
from api.inputs import ObjectId
from api.parsing import JSON, MEBIBYTE, BodyReader, parse_json
from api.schemas import In, Out
from owned.exports import CSV, NDJSON

InT = TypeVar("InT", bound=In)


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

    @classmethod
    def body_reader(cls) -> BodyReader:
        """Accept JSON, CSV and NDJSON of up to 10 MiB."""
        csv = read_csv_of(cls.item_schema())
        return BodyReader({JSON: parse_json, CSV: csv, NDJSON: read_ndjson}, limit=10 * MEBIBYTE)


class Created(Out):
    """What a bulk create made."""

    created: int = Field(description="The number of new objects.", examples=[2])
    ids: list[ObjectId] = Field(description="Their ids, in the order of the rows.")
