"""The schemas of a bulk create."""

from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api.bulk.rows import BULK_ROWS, Unreadable, read_csv_of, read_ndjson
from api.inputs import ObjectId
from api.operations.parsing import JSON, MEBIBYTE, BodyReader, parse_json
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
    def item_schema(cls) -> Any:
        """Return what the brackets of `Bulk[…]` hold."""
        (item,) = get_args(cls.model_fields["items"].annotation)
        return get_args(item)[0]

    @classmethod
    def body_reader(cls) -> BodyReader:
        """Accept JSON, CSV and NDJSON of up to 10 MiB. The fields of an `In` are the columns of CSV."""
        item = cls.item_schema()
        csv = {CSV: read_csv_of(item)} if hasattr(item, "model_fields") else {}
        return BodyReader({JSON: parse_json, **csv, NDJSON: read_ndjson}, limit=10 * MEBIBYTE)


class Created(Out):
    """What a bulk create made."""

    created: int = Field(description="The number of new objects.", examples=[2])
    ids: list[ObjectId] = Field(description="Their ids, in the order of the rows.")
