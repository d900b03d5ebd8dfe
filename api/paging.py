"""Keyset pages: page 10,000 costs what page 1 costs, and rows that come or go move no other."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import orjson
from django.core.signing import BadSignature, Signer
from django.db import connections
from django.db.models import BooleanField, F, Func, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler
from django.http import HttpResponse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from api.problems.problem import invalid
from api.requests import ApiRequest
from api.responses import json_answer
from api.schemas import OwnedOut, PageQuery
from api.selections import Selection
from owned.compiled import Compiled, Parameter, Row
from owned.models import OwnedModel
from owned.querysets import OwnedQuerySet, parameter


class Past(Func):
    """`(key, id) > (value, last)`: a row comparison, which one range of an index serves.

    The ORM's own writes `key > … OR (key = … AND id > …)` on SQLite, which walks all rows of equal keys.
    """

    output_field = BooleanField()
    arity = 4

    def as_sql(self, compiler: SQLCompiler, *args: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Write the comparison; `operator` is `>` or `<`."""
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        key, tie, value, last = (sql for sql, _ in parts)
        params = tuple(param for _, params in parts for param in params)
        return f"({key}, {tie}) {self.extra['operator']} ({value}, {last})", params


def paginate(
    request: ApiRequest, mine: OwnedQuerySet[Any], where: Selection, page: PageQuery, item: type[OwnedOut]
) -> HttpResponse:
    """Answer with a page of what is selected of `mine`, and a `Link` to the next (RFC 8288).

    Raises a 422 problem for a cursor that was not made for this caller, sort and filters.
    """
    content = find_page(request.path, mine, where, page, item)
    if content["next_cursor"] is None:
        return json_answer(content)
    address = request.GET.copy()
    address["cursor"] = content["next_cursor"]
    link = request.build_absolute_uri(f"{request.path}?{address.urlencode()}")
    return json_answer(content, headers={"Link": f'<{link}>; rel="next"'})


def find_page(
    path: str, mine: OwnedQuerySet[Any], where: Selection, page: PageQuery, item: type[OwnedOut]
) -> dict[str, Any]:
    """Return a page of the list at a path as `Page` has it: `items`, `next_cursor`, and `count` if asked for.

    Raises a 422 problem for a cursor that was not made for this path, owner, sort and filters.
    """
    mine = mine.from_replica()
    cursors = Cursors(path, mine.owner_id, where)
    place = None if page.cursor is None else cursors.read(page.cursor)
    with planned_for_its_values(mine.db, where):
        content: dict[str, Any] = {"count": where.of(mine).order_by().count()} if page.count else {}
        items = fetch(mine, where, tuple(item.model_fields), page.limit, place)
    cursor = None
    if len(items) > page.limit:
        items.pop()
        cursor = cursors.make(items[-1][where.key], items[-1]["id"])
    return {"items": items, "next_cursor": cursor, **content}


@contextmanager
def planned_for_its_values(using: str, where: Selection) -> Iterator[None]:
    """Have PostgreSQL plan what is filtered for the values at hand, by not preparing the statement.

    After a few runs a prepared one has one plan for all values, and the one that suits a day on which many
    are active reads all of the owner's rows for a day on which none is (docs/query-plans.md).
    """
    if not where.filters or connections[using].vendor != "postgresql":
        yield
        return
    connections[using].ensure_connection()
    connection = connections[using].connection
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        yield
    finally:
        connection.prepare_threshold = threshold


def fetch(
    mine: OwnedQuerySet[Any],
    where: Selection,
    fields: tuple[str, ...],
    limit: int,
    place: tuple[str, str] | None,
) -> list[dict[str, Any]]:
    """Return the items after a place, and one more, which tells whether there is another page."""
    model: type[OwnedModel] = mine.model
    filters = where.filters
    rows: Iterable[Row]
    if mine.compiled and all(where.compared(model, name) for name in filters):
        query = page_query(model, type(where), where.sort, tuple(filters), fields, limit, place is not None)
        value, last = place or (None, None)
        values = {f"where {name}": value for name, value in filters.items()}
        rows = query.rows(mine.db, owner=mine.owner_id, value=value, last=last, **values)
    else:
        key: Any = model._meta.get_field(where.key)
        after = None if place is None else (Value(place[0], key), Value(place[1]))
        rows = select_page(where.of(mine), where.sort, fields, limit, after)
    return [dict(zip(fields, row, strict=True)) for row in rows]


def select_page(
    rows: QuerySet[Any], sort: str, fields: tuple[str, ...], limit: int, after: tuple[Any, Any] | None
) -> QuerySet[Any, Any]:
    """Return the query of a page of sorted rows, after two expressions: the sort key and the id."""
    if after is not None:
        key, operator = sort.removeprefix("-"), "<" if sort.startswith("-") else ">"
        rows = rows.filter(Past(F(key), F("id"), *after, operator=operator))
    return rows.values_list(*fields)[: limit + 1]


@lru_cache(maxsize=256)
def page_query(
    model: type[OwnedModel],
    selection: type[Selection],
    sort: str,
    filters: tuple[str, ...],
    fields: tuple[str, ...],
    limit: int,
    further: bool,  # noqa: FBT001
) -> Compiled:
    """Return the query of a page, the first or a further one, with parameters for what it compares."""
    key = parameter(model, sort.removeprefix("-"), "value")
    after = (key, parameter(model, "id", "last")) if further else None
    places = {name: Parameter(f"where {name}", selection.compared(model, name)) for name in filters}

    def build() -> QuerySet[Any, Any]:
        mine: QuerySet[Any] = QuerySet(model)
        rows = selection.select(mine.filter(owner=parameter(model, "owner")), sort, places)
        return select_page(rows, sort, fields, limit, after)

    return Compiled(build)


class Cursors:
    """Cursors of one list: the place after a row, signed together with all that makes the list this one."""

    def __init__(self, path: str, owner: int, where: Selection) -> None:
        """Bind to the path, the owner, the sort and the filters, which the cursor need not repeat."""
        bound = where.model_dump_json(exclude_none=True)
        self.signer = Signer(sep=".", salt=f"cursor {path} {owner} {bound}")

    def make(self, value: object, id: str) -> str:
        """Return the cursor after the row that has this sort key and id."""
        place = orjson.dumps([value, id], option=orjson.OPT_UTC_Z)
        return self.signer.sign(urlsafe_base64_encode(place))

    def read(self, cursor: str) -> tuple[str, str]:
        """Return the sort key, as written in JSON, and the id. Raises a 422 problem."""
        try:
            value, last = orjson.loads(urlsafe_base64_decode(self.signer.unsign(cursor)))
        except BadSignature:
            detail = "was not made by this service for this list, sort and filters; begin without a cursor"
            raise invalid({"parameter": "cursor", "detail": detail, "code": "invalid_cursor"}) from None
        return value, last
