"""CSV and NDJSON: reads many objects, as `owned.exports` writes them."""

import csv
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import count, islice
from typing import Any

from api.bodies import parse_json
from api.problems.problem import Problem, invalid
from api.schemas import BULK_ROWS, In, Unreadable

SERVER_SET = frozenset({"id", "created_at", "updated_at"})
"""Fields of an export that stand in what is read back, and are not looked at."""

# What `owned.exports` put before a cell that a spreadsheet would take for a formula.
_ESCAPED = re.compile(r"^'(?=[=+\-@'\t\r])")


def read_ndjson(text: str) -> dict[str, Any]:
    """Return the objects of NDJSON, one on each line that is not blank, as a bulk create takes them."""
    lines = (line for line in text.split("\n") if line.strip())
    return {"items": [_object(line) for line in islice(lines, BULK_ROWS + 1)]}


def _object(line: str) -> Any:
    try:
        value = parse_json(line)
    except Problem as problem:
        return Unreadable(problem.detail)
    if isinstance(value, dict):
        return {name: field for name, field in value.items() if name not in SERVER_SET}
    return value


def read_csv(text: str, fields: Sequence[str], typed: Collection[str] = ()) -> dict[str, Any]:
    """Return the rows of CSV with a header (RFC 4180), as a bulk create takes them.

    The cells of `typed` fields hold numbers and truth values as JSON writes them, all others hold text.
    Raises a 422 problem for a header that lacks one of the fields, or has a column that is none.
    """
    rows = (row for _, row in _rows(text))
    header = _checked(next(rows, []), fields)
    return {"items": [_record(header, row, typed) for row in islice(rows, BULK_ROWS + 1)]}


def read_csv_of(item: type[In]) -> Callable[[str], dict[str, Any]]:
    """Return what reads the CSV of many objects of a schema."""
    fields = item.model_fields
    typed = frozenset(name for name, field in fields.items() if field.annotation in (bool, int, float))
    return partial(read_csv, fields=tuple(fields), typed=typed)


def row_numbers(text: str) -> list[int]:
    """Return at which row of a spreadsheet each object of a CSV stands; the header is at row 1."""
    return [number for number, _ in islice(_rows(text), 1, BULK_ROWS + 1)]


def _rows(text: str) -> Iterator[tuple[int, list[str] | Unreadable]]:
    """Go through the rows that are not blank; one that breaks the format does not end the file."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    for number in count(1):
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, Unreadable(f"is not CSV: {error}")
        else:
            if row:
                yield number, row


def _checked(header: list[str] | Unreadable, fields: Sequence[str]) -> list[str]:
    """Return the header of a CSV that has each field once, and no column that is none."""
    if isinstance(header, Unreadable):
        detail = f"the header {header}"
    elif missing := [name for name in fields if name not in header]:
        detail = f"the header lacks {', '.join(missing)}"
    elif unknown := [name for name in header if name not in fields and name not in SERVER_SET]:
        detail = f"the header has {', '.join(map(repr, unknown))}, which cannot be set here"
    elif len(set(header)) < len(header):
        detail = "the header names a column twice"
    else:
        return header
    raise invalid({"pointer": "/items", "detail": detail, "code": "csv_header"})


def _record(header: Sequence[str], row: list[str] | Unreadable, typed: Collection[str]) -> Any:
    if isinstance(row, Unreadable):
        return row
    if len(row) != len(header):
        return Unreadable(f"has {len(row)} cells, and the header has {len(header)}")
    cells = zip(header, row, strict=True)
    return {
        name: _typed(cell) if name in typed else _ESCAPED.sub("", cell, count=1)
        for name, cell in cells
        if name not in SERVER_SET
    }


def _typed(cell: str) -> Any:
    """Return the number or truth value of a cell, or its text, which the schema then finds at fault."""
    try:
        return parse_json(cell)
    except Problem:
        return cell
