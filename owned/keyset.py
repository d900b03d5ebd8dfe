"""Keyset pages: page 10,000 costs what page 1 costs, and rows that come or go move no other."""

from typing import Any

import orjson
from django.core.signing import BadSignature, Signer
from django.db.models import BooleanField, F, Func, QuerySet, Value
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode


class InvalidCursor(Exception):  # noqa: N818 (the client's error)
    """A cursor that was not made for this list, owner, sort and filters."""


class Past(Func):
    """`(key, id) > (value, last)`: a row comparison, which one range of an index serves.

    The ORM's own tuples become `key > … OR (key = … AND id > …)` on SQLite, which reads all equal keys.
    """

    output_field = BooleanField()
    arity = 4

    def as_sql(self, compiler: Any, *args: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the comparison; `operator` is `>` or `<`."""
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        key, tie, value, last = (sql for sql, _ in parts)
        params = tuple(param for _, params in parts for param in params)
        return f"({key}, {tie}) {self.extra['operator']} ({value}, {last})", params


def after(rows: QuerySet[Any], sort: str, value: Any, last: Any) -> QuerySet[Any]:
    """Keep the sorted rows after a place: two expressions, the sort key's value and the id."""
    key, operator = sort.removeprefix("-"), "<" if sort.startswith("-") else ">"
    return rows.filter(Past(F(key), F("id"), value, last, operator=operator))


def place_of(model: Any, key: str, place: tuple[Any, str]) -> tuple[Value, Value]:
    """Return a cursor's place as expressions."""
    return Value(place[0], model._meta.get_field(key)), Value(place[1])


class Cursors:
    """Cursors of one list: the place after a row, signed together with all that makes the list this one."""

    def __init__(self, *scope: object) -> None:
        """Bind the cursors to a scope, which they need not repeat: the list, its owner, sort and filters."""
        self.signer = Signer(sep=".", salt=" ".join(["cursor", *map(str, scope)]))

    def make(self, value: object, id: str) -> str:
        """Return the cursor after the row that has this sort key and id."""
        place = orjson.dumps([value, id], option=orjson.OPT_UTC_Z, default=str)
        return self.signer.sign(urlsafe_base64_encode(place))

    def read(self, cursor: str) -> tuple[str, str]:
        """Return the sort key, as written in JSON, and the id. Raises InvalidCursor."""
        try:
            value, last = orjson.loads(urlsafe_base64_decode(self.signer.unsign(cursor)))
        except (BadSignature, ValueError) as error:  # a lone surrogate has no signature
            raise InvalidCursor from error
        return value, last
