"""Streams any number of rows as CSV or NDJSON, in memory that does not grow with them."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, Literal, cast

import orjson
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, transaction
from django.db.models import JSONField, QuerySet
from django.http import StreamingHttpResponse

from ops.wrappers import watched
from owned.compiled import Row
from owned.states import columns

CSV = "text/csv"
NDJSON = "application/x-ndjson"
CHUNK = 2_000  # rows in memory at a time

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV injection"), unless a ' precedes it.
_RISKY = tuple("=+-@'\t\r")
# What a cell is quoted for (RFC 4180); and the same in many cells, one on each line.
_QUOTED = re.compile(r'[",\r\n]')
_UNSAFE = re.compile(r"""[",\r]|(?:^|\n)[=+\-@'\t]""")


def stream(
    rows: QuerySet[Any],
    fields: list[str],
    format: Literal["csv", "ndjson"] = "csv",
    show: Callable[[Any], Row] | None = None,
) -> StreamingHttpResponse:
    """Return a response with these fields of the rows, in their order.

    Without `show`, they are columns. With it, they name what it makes of each object: values of JSON.
    """
    structured = {f.name for f in columns(cast(Any, rows.model)) if isinstance(f, JSONField)}
    if format == "csv":
        media_type = f"{CSV}; charset=utf-8"
        write = partial(write_csv, fields=fields, structured=structured, mixed=show is not None)
    else:
        media_type, write = NDJSON, partial(write_ndjson, fields=fields)
    read = rows.values_list(*fields) if show is None else rows
    body = Stream(_read(read, write, show))
    filename = f"{rows.model._meta.verbose_name_plural}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingHttpResponse(body, content_type=media_type, headers=headers)


def _read(
    rows: QuerySet[Any],
    write: Callable[[Iterator[Sequence[Row]]], Iterator[bytes]],
    show: Callable[[Any], Row] | None,
) -> Generator[bytes, None, None]:
    """Read through a server-side cursor, which on PostgreSQL lives as long as a transaction."""
    connection = connections[rows.db]
    with transaction.atomic(using=rows.db) if connection.vendor == "postgresql" else nullcontext():
        read = rows.iterator(chunk_size=CHUNK)
        fetch = partial(watched, connection, "FETCH", lambda: list(islice(read, CHUNK)))
        parts = iter(fetch, [])
        yield from write(parts if show is None else ([show(row) for row in part] for part in parts))


class Stream:
    """A generator whose first part is made at once: until then, a failure can still set the status."""

    def __init__(self, parts: Generator[bytes, None, None]) -> None:
        """Make the first part. Raises what the generator raises."""
        self.parts = parts
        self.first = next(parts, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        yield from self.parts

    def close(self) -> None:
        """End the generator and its transaction; the server always calls this."""
        self.parts.close()


def write_ndjson(parts: Iterable[Sequence[Row]], fields: Sequence[str]) -> Iterator[bytes]:
    """Yield the rows of each part as lines of JSON."""
    for rows in parts:
        yield b"".join(_json(dict(zip(fields, row, strict=True))) + b"\n" for row in rows)


def write_csv(
    parts: Iterable[Sequence[Row]],
    fields: Sequence[str],
    structured: Iterable[str] = (),
    *,
    mixed: bool = False,
) -> Iterator[bytes]:
    """Yield a header and the rows of each part, safe to open in a spreadsheet.

    The values of `structured` fields are written as JSON. Unless they are `mixed`, the values of a column
    have one type.
    """
    head = f"{','.join(fields)}\r\n"
    ways = [_json_cell if name in structured else _other_cell if mixed else None for name in fields]
    for rows in parts:
        # By columns: most types need no look at each value.
        columns = map(_cells, zip(*rows, strict=True), ways)
        lines = "\r\n".join(map(",".join, zip(*columns, strict=True)))
        yield f"{head}{lines}\r\n".encode()
        head = ""
    if head:
        yield head.encode()


def _cells(column: Sequence[Any], way: Callable[[Any], str] | None) -> Sequence[str]:
    kind = type(next((value for value in column if value is not None), None))
    write = way or _CELLS.get(kind, _other_cell)
    if way is None and kind is str and None not in column:
        text = "\n".join(column)
        if text.count("\n") < len(column) and not _UNSAFE.search(text):
            return column
    if way is None and kind in (date, datetime):
        texts = _json(column).decode()[1:-1].replace('"', "").split(",")
        return texts if None not in column else ["" if text == "null" else text for text in texts]
    return ["" if value is None else write(value) for value in column]


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=DjangoJSONEncoder().default)


def _json_cell(value: Any) -> str:
    return _quoted(_json(value).decode())


def _other_cell(value: Any) -> str:
    """Write a value as its JSON has it, and a text without the quotes of JSON."""
    text = orjson.loads(json := _json(value))
    return _text_cell(text) if isinstance(text, str) else _quoted(json.decode())


def _text_cell(value: str) -> str:
    return _quoted(f"'{value}" if value.startswith(_RISKY) else value)


def _quoted(cell: str) -> str:
    if not _QUOTED.search(cell):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


_CELLS: dict[type, Callable[[Any], str]] = {
    str: _text_cell,
    int: str,
    float: str,
    Decimal: str,
    bool: lambda value: "true" if value else "false",
}
