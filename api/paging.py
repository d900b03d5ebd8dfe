"""Pages of a list, with a `Link` to the next (RFC 8288)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, cast
from urllib.parse import urlencode

from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel

from api.operations.flat import flat_fields
from api.operations.parsing import JSON
from api.operations.responses import to_json
from api.problems.problem import invalid
from api.schemas import Page, PageQuery
from api.selections import Selection
from owned.compiled import Compiled, Parameter
from owned.keyset import Cursors, InvalidCursor, after, place_of
from owned.models import OwnedModel
from owned.querysets import OwnedQuerySet
from owned.statements import parameter


def paginate(
    request: HttpRequest, rows: OwnedQuerySet[Any], where: Selection, page: PageQuery, item: type[BaseModel]
) -> HttpResponse | dict[str, Any]:
    """Return a page of the rows that are selected.

    Raises a 422 problem for a cursor that was not made for this caller, sort and filters.
    """
    owner = request.auth.owner_id  # type: ignore[attr-defined]
    objects = request.exchange.plan.objects  # type: ignore[attr-defined]
    declared = objects.may_be_flat and objects.schema is page_of(item)
    shown = item if declared else None  # otherwise, the declared schema makes the response
    try:
        content = find_page(request.path, owner, rows, where, page, shown)
    except InvalidCursor:
        detail = "was not made by this service for this list, sort and filters; start again without it"
        raise invalid({"parameter": "cursor", "detail": detail, "code": "invalid_cursor"}) from None
    if content["next_cursor"] is not None:
        sent = [(name, value) for name, values in request.GET.lists() for value in values if name != "cursor"]
        query = urlencode([*sent, ("cursor", content["next_cursor"])])
        link = request.build_absolute_uri(f"{request.path}?{query}")
        request.exchange.headers["Link"] = f'<{link}>; rel="next"'  # type: ignore[attr-defined]
    if not flat_fields(shown, cast(Any, rows.model)):
        return content
    return HttpResponse(to_json(content), content_type=JSON)


def find_page(
    path: str,
    owner: int,
    rows: OwnedQuerySet[Any],
    where: Selection,
    page: PageQuery,
    item: type[BaseModel] | None,
) -> dict[str, Any]:
    """Return `items`, `next_cursor`, and `count` if asked for. Raises InvalidCursor.

    The items are dicts if the schema is flat, otherwise objects for the schema to read.
    """
    cursors = Cursors(path, owner, where.model_dump_json(exclude_none=True))
    place = None if page.cursor is None else cursors.read(page.cursor)
    rows = rows.from_replica()
    with planned_for_its_values(rows.db, where):
        content: dict[str, Any] = {"count": where.of(rows).order_by().count()} if page.count else {}
        items, last = fetch(rows, where, flat_fields(item, cast(Any, rows.model)), page.limit, place)
    return {"items": items, "next_cursor": cursors.make(*last) if last else None, **content}


@cache
def page_of(item: type[BaseModel]) -> Any:
    """Return the schema of a page of these items."""
    return cast(Any, Page)[item]


@contextmanager
def planned_for_its_values(using: str, where: Selection) -> Iterator[None]:
    """Have PostgreSQL plan a filtered statement for its values, by not preparing it.

    After a few runs a prepared statement has one plan for all values, and the one that suits a day with many
    matches reads all of the owner's rows for a day with none (docs/query-plans.md).
    """
    connection = connections[using].connection
    if not where.filters or connections[using].vendor != "postgresql" or connection is None:
        yield  # nothing is prepared yet on a connection that is still to be opened
        return
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        yield
    finally:
        connection.prepare_threshold = threshold


def fetch(
    rows: OwnedQuerySet[Any], where: Selection, fields: tuple[str, ...] | None, limit: int, place: Any
) -> tuple[list[Any], tuple[Any, str] | None]:
    """Return the items after a place, and the place of the last one if there is another page."""
    model: type[OwnedModel] = rows.model
    if fields is None:
        objects = list(select(rows, where, place)[: limit + 1])
        if len(objects) <= limit:
            return objects, None
        return objects[:limit], (getattr(objects[limit - 1], where.key), objects[limit - 1].pk)
    columns = tuple(dict.fromkeys((*fields, where.key, "id")))
    filters = where.filters
    if rows.compiled and all(where.compared(model, name) for name in filters):
        query = page_query(model, type(where), where.sort, tuple(filters), columns, limit, place is not None)
        value, last = place or (None, None)
        values = {f"where {name}": value for name, value in filters.items()}
        read: Any = query.rows(rows.db, owner=rows.owner_id, value=value, last=last, **values)
    else:
        read = list(select(rows, where, place).values_list(*columns)[: limit + 1])
    items = [dict(zip(fields, row, strict=False)) for row in read[:limit]]
    if len(read) <= limit:
        return items, None
    end = dict(zip(columns, read[limit - 1], strict=True))
    return items, (end[where.key], end["id"])


def select(rows: QuerySet[Any], where: Selection, place: tuple[Any, str] | None) -> QuerySet[Any]:
    """Return the selected rows after a place, in order."""
    found = where.of(rows)
    return found if place is None else after(found, where.sort, *place_of(rows.model, where.key, place))


@lru_cache(maxsize=256)
def page_query(
    model: type[OwnedModel],
    selection: type[Selection],
    sort: str,
    filters: tuple[str, ...],
    columns: tuple[str, ...],
    limit: int,
    further: bool,  # noqa: FBT001
) -> Compiled:
    """Return the query of a first or a further page, with parameters for what it compares."""
    key = parameter(model, sort.removeprefix("-"), "value")
    last = parameter(model, "id", "last")
    places = {name: Parameter(f"where {name}", selection.compared(model, name)) for name in filters}

    def build() -> QuerySet[Any, Any]:
        mine: QuerySet[Any] = QuerySet(model)
        rows = selection.select(mine.filter(owner=parameter(model, "owner")), sort, places)
        return (after(rows, sort, key, last) if further else rows).values_list(*columns)[: limit + 1]

    return Compiled(build)
