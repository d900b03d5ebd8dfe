"""Streaming all that is selected, in memory that does not grow with it."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal

from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query

from api.bulk.rows import CSV, NDJSON, write_csv, write_ndjson
from api.schemas import OwnedOut
from api.selections import Selection
from ops.wrappers import watched
from owned.compiled import Row
from owned.querysets import OwnedQuerySet

ExportFormat = Annotated[Literal["csv", "ndjson"], Query(description="What the stream is written in.")]
Write = Callable[[Iterator[Sequence[Row]]], Iterator[bytes]]

WRITERS = {"csv": (f"{CSV}; charset=utf-8", write_csv), "ndjson": (NDJSON, write_ndjson)}
CHUNK = 2_000  # rows that are in memory at a time


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


def stream(rows: QuerySet[Any], fields: list[str], format: ExportFormat = "csv") -> StreamingHttpResponse:
    """Answer with these fields of the rows, in their order."""
    media_type, write = WRITERS[format]
    body = Stream(_read(rows.values_list(*fields), partial(write, fields=fields)))
    filename = f"{rows.model._meta.verbose_name_plural}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingHttpResponse(body, content_type=media_type, headers=headers)


def _read(rows: QuerySet[Any], write: Write) -> Generator[bytes, None, None]:
    """Read through a cursor of the server's, which on PostgreSQL lives as long as a transaction does."""
    connection = connections[rows.db]
    with transaction.atomic(using=rows.db) if connection.vendor == "postgresql" else nullcontext():
        read = rows.iterator(chunk_size=CHUNK)
        fetch = partial(watched, connection, "FETCH", lambda: list(islice(read, CHUNK)))
        yield from write(iter(fetch, []))


class Stream:
    """A generator whose first part is made at once, while there is still a status to tell a failure with."""

    def __init__(self, parts: Generator[bytes, None, None]) -> None:
        """Make the first part. Raises what the generator raises."""
        self.parts = parts
        self.first = next(parts, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        yield from self.parts

    def close(self) -> None:
        """End the generator, and the transaction that it is in; the server calls this in any case."""
        self.parts.close()
