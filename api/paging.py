"""Keyset pages: page 10,000 costs what page 1 costs, and rows that come or go move no other."""

from typing import Any

import orjson
from django.core.signing import BadSignature, Signer
from django.db.models import BooleanField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler
from django.http import HttpResponse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from api.answers import json_answer
from api.owned import Owned
from api.problems import invalid
from api.requests import ApiRequest
from api.schemas import OwnedOut, PageQuery
from api.selections import Selection


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
    request: ApiRequest,
    mine: Owned[Any],
    where: Selection,
    page: PageQuery,
    item: type[OwnedOut],
) -> HttpResponse:
    """Answer with a page of what is selected of `mine`, and a `Link` to the next (RFC 8288).

    Raises a 422 problem for a cursor that was not made for this caller, sort and filters.
    """
    rows, cursors = where.of(mine.rows), Cursors(request, where)
    content: dict[str, Any] = {"count": rows.order_by().count()} if page.count else {}
    if page.cursor is not None:
        value, last = cursors.read(page.cursor)
        place = Value(value, output_field=mine.model._meta.get_field(where.key)), Value(last)
        operator = "<" if where.descending else ">"
        rows = rows.filter(Past(F(where.key), F("id"), *place, operator=operator))
    items = list(rows.values(*item.model_fields)[: page.limit + 1])
    if len(items) <= page.limit:
        return json_answer({"items": items, "next_cursor": None, **content})
    items.pop()
    cursor = cursors.make(items[-1][where.key], items[-1]["id"])
    address = request.GET.copy()
    address["cursor"] = cursor
    link = request.build_absolute_uri(f"{request.path}?{address.urlencode()}")
    headers = {"Link": f'<{link}>; rel="next"'}
    return json_answer({"items": items, "next_cursor": cursor, **content}, headers=headers)


class Cursors:
    """Cursors of one list: the place after a row, signed together with all that makes the list this one."""

    def __init__(self, request: ApiRequest, where: Selection) -> None:
        """Bind to the path, the owner, the sort and the filters, which the cursor need not repeat."""
        bound = where.model_dump_json(exclude_none=True)
        self.signer = Signer(sep=".", salt=f"cursor {request.path} {request.auth.owner_id} {bound}")

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
