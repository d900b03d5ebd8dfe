"""Reads many objects from CSV and NDJSON, as `owned.exports` writes them."""

import csv
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import count, islice
from types import NoneType
from typing import Any, get_args

from api.operations.parsing import parse_json
from api.problems.problem import Problem, invalid
from api.schemas import In

BULK_ROWS = 10_000

SERVER_SET = frozenset({"id", "created_at", "updated_at"})
"""Fields of an export that are ignored when the file is read back."""

# What `owned.exports` puts before a cell that a spreadsheet would run as a formula.
_ESCAPED = re.compile(r"^'(?=[=+\-@'\t\r])")

# By the messages of the csv module.
_CSV_ERRORS = {
    "unexpected end of data": "a quotation mark is never closed",
    "',' expected after '\"'": "a closing quotation mark must be followed by a comma",
}


class Unreadable(str):
    """What is wrong with a row of CSV or NDJSON that could not even be read."""


def read_ndjson(text: str) -> dict[str, Any]:
    """Parse NDJSON, one object per line, into the body of a bulk create. Blank lines are skipped."""
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


def read_csv(
    text: str, fields: Sequence[str], typed: Collection[str] = (), nullable: Collection[str] = ()
) -> dict[str, Any]:
    """Parse CSV with a header (RFC 4180) into the body of a bulk create.

    Cells of `typed` fields contain JSON numbers and booleans. All other cells contain text. An empty cell of
    a `nullable` field is null. Raises a 422 problem if the header lacks a field, repeats a column or has an
    unknown column.
    """
    rows = (row for _, row in _rows(text))
    header = _checked(next(rows, []), fields)
    return {"items": [_record(header, row, typed, nullable) for row in islice(rows, BULK_ROWS + 1)]}


def read_csv_of(item: type[In]) -> Callable[[str], dict[str, Any]]:
    """Return a parser for CSV with objects of a schema."""
    fields = item.model_fields
    numbers = {bool, int, float}
    typed = frozenset(n for n, f in fields.items() if numbers & {f.annotation, *get_args(f.annotation)})
    nullable = frozenset(name for name, field in fields.items() if NoneType in get_args(field.annotation))
    return partial(read_csv, fields=tuple(fields), typed=typed, nullable=nullable)


def row_numbers(text: str) -> list[int]:
    """Return the row number of each object of a CSV, as in a spreadsheet. The header is row 1."""
    return [number for number, _ in islice(_rows(text), 1, BULK_ROWS + 1)]


def _rows(text: str) -> Iterator[tuple[int, list[str] | Unreadable]]:
    """Yield the rows that are not blank, with their numbers. An invalid row does not end the iteration."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    for number in count(1):
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, Unreadable(_CSV_ERRORS.get(str(error), f"is not valid CSV: {error}"))
        else:
            if row:
                yield number, row


def _checked(header: list[str] | Unreadable, fields: Sequence[str]) -> list[str]:
    """Return the header if it has each field once and no unknown column."""
    if isinstance(header, Unreadable):
        detail = f"the header is invalid: {header}"
    elif missing := [name for name in fields if name not in header]:
        detail = f"the header must include {', '.join(missing)}"
    elif unknown := [name for name in header if name not in fields and name not in SERVER_SET]:
        detail = f"the header has unknown columns: {', '.join(map(repr, unknown))}"
    elif len(set(header)) < len(header):
        detail = "the header must not repeat a column"
    else:
        return header
    raise invalid({"pointer": "/items", "detail": detail, "code": "csv_header"})


def _record(
    header: Sequence[str], row: list[str] | Unreadable, typed: Collection[str], nullable: Collection[str]
) -> Any:
    if isinstance(row, Unreadable):
        return row
    if len(row) != len(header):
        return Unreadable(f"must have {len(header)} cells like the header, but has {len(row)}")
    cells = zip(header, row, strict=True)
    read = ((name, None if cell == "" and name in nullable else cell) for name, cell in cells)
    return {
        name: cell if cell is None else _typed(cell) if name in typed else _ESCAPED.sub("", cell, count=1)
        for name, cell in read
        if name not in SERVER_SET
    }


def _typed(cell: str) -> Any:
    """Return the number or boolean of a cell. If it is neither, return the text, which the schema rejects."""
    try:
        return parse_json(cell)
    except Problem:
        return cell
