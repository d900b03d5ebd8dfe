"""Locks on rows that a query finds, of which PostgreSQL returns none that another transaction changed."""

from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL


def locked(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Lock these rows, and return them without what cannot be locked, as joins and groups.

    While a statement waits for a lock, another transaction may change the row so that the filter no longer
    finds it. PostgreSQL then looks at the row again, but not at a subquery: only the next statement does.
    SQLite has no locks on rows, as it has one writer at a time.
    """
    plain: QuerySet[Any] = QuerySet(rows.model, using=rows.db)
    found = plain.filter(pk__in=rows.order_by().values("pk"))
    if not connections[rows.db].features.has_select_for_update:
        return found
    ids = _ids(found.select_for_update().order_by("pk"))
    return plain.filter(pk__in=_any(_ids(found.filter(pk__in=_any(ids)))))


def _ids(rows: "QuerySet[Any]") -> list[Any]:
    return list(rows.values_list("pk", flat=True))


def _any(ids: list[Any]) -> RawSQL:
    """Return ids as one parameter, since a statement has at most 65,535."""
    return RawSQL("SELECT unnest(%s::text[])", [ids])
