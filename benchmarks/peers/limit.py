"""The limit: a WSGI function with psycopg and orjson under the same gunicorn, without a framework.

It does by hand what the others do, and nothing else: no routing table, middleware or detailed errors.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg
import shortuuid
from psycopg.sql import SQL, Composed, Identifier

from peers import cursors

Answer = tuple[str, Any]

FIELDS = ("id", "name", "start_date", "end_date", "created_at", "updated_at")
COLUMNS = "id, name, start_date, end_date, created_at, updated_at"
PREFIX = "/api/simulations"
SORTS = frozenset(FIELDS[1:])
FILTERS = {
    "name": "name = %s",
    "start_date__gte": "start_date >= %s",
    "start_date__lte": "start_date <= %s",
    "end_date__gte": "end_date >= %s",
    "end_date__lte": "end_date <= %s",
}
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
NOT_FOUND: Answer = ("404 Not Found", {"detail": "Object not found."})
INVALID: Answer = ("422 Unprocessable Content", {"detail": "The request is invalid."})

threads = threading.local()


class InvalidError(Exception):
    """An invalid value."""


def connection() -> psycopg.Connection[Any]:
    """Return this thread's connection, opened on the first use."""
    if not hasattr(threads, "connection"):
        threads.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
    return threads.connection  # type: ignore[no-any-return]


def fetch(query: str | Composed, *params: object) -> list[Any]:
    """Return the rows of a query, loaded from PostgreSQL's binary format."""
    with connection().cursor(binary=True) as cursor:
        return cursor.execute(query, params).fetchall()


def caller(environ: dict[str, Any]) -> Any:
    """Return the owner and whether the key is read-only, or None."""
    digest = hashlib.sha256(environ.get("HTTP_X_API_KEY", "").encode()).digest()
    rows = fetch(
        "SELECT k.user_id, k.read_only FROM accounts_apikey k JOIN accounts_user u ON u.id = k.user_id"
        " WHERE k.digest = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())"
        " AND u.is_active",
        digest,
    )
    return rows[0] if rows else None


def read_date(value: Any) -> date:
    """Return a day. Raises InvalidError."""
    try:
        if DATE.fullmatch(value):
            return date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise InvalidError


def read_simulation(body: Any) -> tuple[str, date, date]:
    """Return the fields of a simulation that clients set. Raises InvalidError."""
    if not isinstance(body, dict) or body.keys() != {"name", "start_date", "end_date"}:
        raise InvalidError
    name, start, end = body["name"], read_date(body["start_date"]), read_date(body["end_date"])
    if not isinstance(name, str) or not 1 <= len(name := name.strip()) <= 300 or end < start:
        raise InvalidError
    return name, start, end


def list_simulations(owner: int, query: dict[str, str]) -> Answer:
    """One page of the owner's simulations."""
    sort, cursor = query.pop("sort", "-created_at"), query.pop("cursor", None)
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    limit = int(query.pop("limit", "100"))
    if key not in SORTS or not query.keys() <= FILTERS.keys() or not 1 <= limit <= 1000:
        raise InvalidError
    where, params = ["owner_id = %s", *(FILTERS[name] for name in query)], [owner, *query.values()]
    way, order = ("<", "DESC") if descending else (">", "ASC")
    if cursor is not None:
        where.append(f"({key}, id) {way} (%s, %s)")
        params += cursors.decode(cursor, key)
    sql = (
        f"SELECT {COLUMNS} FROM simulations_simulation WHERE {' AND '.join(where)}"
        f" ORDER BY {key} {order}, id {order} LIMIT %s"
    )
    items = [dict(zip(FIELDS, row, strict=True)) for row in fetch(sql, *params, limit + 1)]
    if len(items) <= limit:
        return "200 OK", {"items": items, "next_cursor": None}
    items.pop()
    return "200 OK", {"items": items, "next_cursor": cursors.encode(items[-1][key], items[-1]["id"])}


def get_simulation(owner: int, id: str) -> Answer:
    """One simulation."""
    rows = fetch(f"SELECT {COLUMNS} FROM simulations_simulation WHERE owner_id = %s AND id = %s", owner, id)
    return ("200 OK", dict(zip(FIELDS, rows[0], strict=True))) if rows else NOT_FOUND


def create_simulation(owner: int, body: Any) -> Answer:
    """Create a simulation."""
    now = datetime.now(UTC)
    row = (shortuuid.random(20), *read_simulation(body), now, now)
    connection().execute(
        f"INSERT INTO simulations_simulation ({COLUMNS}, owner_id, version)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, 1)",
        (*row, owner),
    )
    return "201 Created", dict(zip(FIELDS, row, strict=True))


def create_simulations(owner: int, body: Any) -> Answer:
    """Create many simulations, all or none."""
    if not isinstance(body, dict) or body.keys() != {"items"} or not 1 <= len(body["items"]) <= 10_000:
        raise InvalidError
    now = datetime.now(UTC)
    rows = [(shortuuid.random(20), *read_simulation(item), now, now, owner, 1) for item in body["items"]]
    columns = SQL(", ").join(map(Identifier, (*FIELDS, "owner_id", "version")))
    with (
        connection().cursor() as cursor,
        cursor.copy(SQL("COPY simulations_simulation ({}) FROM STDIN").format(columns)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
    return "201 Created", {"created": len(rows), "ids": [row[0] for row in rows]}


def replace_simulation(owner: int, id: str, body: Any) -> Answer:
    """Set all fields of one simulation, in one statement."""
    rows = fetch(
        "UPDATE simulations_simulation SET name = %s, start_date = %s, end_date = %s, updated_at = %s,"
        f" version = version + 1 WHERE owner_id = %s AND id = %s RETURNING {COLUMNS}",
        *read_simulation(body),
        datetime.now(UTC),
        owner,
        id,
    )
    return ("200 OK", dict(zip(FIELDS, rows[0], strict=True))) if rows else NOT_FOUND


def answer(environ: dict[str, Any]) -> Answer:
    """Route the request, and handle it."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    found = caller(environ)
    if found is None:
        return "401 Unauthorized", {"detail": "X-API-Key header invalid."}
    owner, read_only = found
    if read_only and method != "GET":
        return "403 Forbidden", {"detail": "This key may read but not write."}
    id = path.removeprefix(PREFIX)[1:]
    try:
        if method == "GET":
            return (
                get_simulation(owner, id)
                if id
                else list_simulations(owner, dict(parse_qsl(environ["QUERY_STRING"])))
            )
        body = orjson.loads(environ["wsgi.input"].read())
        if method == "PUT":
            return replace_simulation(owner, id, body)
        return create_simulations(owner, body) if id == "bulk" else create_simulation(owner, body)
    except (InvalidError, ValueError):
        return INVALID


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Handle one request."""
    status, content = answer(environ)
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
