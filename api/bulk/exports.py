"""Streaming all that is selected."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query

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
    """Answer with all that is selected of `mine`, as one stream."""
    head = request.META["REQUEST_METHOD"] == "HEAD"  # its body would be made, and then dropped
    return stream(where.of(mine.none() if head else mine.from_replica()), list(item.model_fields), format)
