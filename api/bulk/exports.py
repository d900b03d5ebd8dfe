"""Streaming all that is selected."""

import json
from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query

from api.operations.flat import flat_fields
from api.operations.responses import to_json
from api.schemas import OwnedOut
from api.selections import Selection
from owned.exports import stream
from owned.querysets import OwnedQuerySet

ExportFormat = Annotated[Literal["csv", "ndjson"], Query(description="What the stream is written in.")]


def export(
    request: HttpRequest,
    mine: OwnedQuerySet[Any],
    where: Selection,
    item: type[OwnedOut],
    format: ExportFormat,
) -> StreamingHttpResponse:
    """Answer with all that is selected of `mine`, as one stream.

    The columns are named as the schema writes its fields. Unless it is flat, it shows each object.
    """
    head = request.META["REQUEST_METHOD"] == "HEAD"  # its body would be made, and then dropped
    rows = where.of(mine.none() if head else mine.from_replica())
    if fields := flat_fields(item, cast(Any, rows.model)):
        return stream(rows, list(fields), format)
    names = written_names(item)

    def show(row: Any) -> list[Any]:
        shown = item.model_validate(row, from_attributes=True, context={"request": request})
        written = json.loads(to_json(shown.model_dump(by_alias=True)))
        return [written.get(name) for name in names]

    return stream(rows, names, format, show)


def written_names(item: type[OwnedOut]) -> list[str]:
    """Return the names that a schema writes its fields by, computed ones last."""
    fields = {name: field for name, field in item.model_fields.items() if not field.exclude}
    every: dict[str, Any] = {**fields, **item.model_computed_fields}
    return [
        getattr(field, "serialization_alias", None) or field.alias or name for name, field in every.items()
    ]
