"""The requests, and the checks of their responses."""

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.fill import TABLE, Connection, key_of

FIELDS = ("id", "name", "start_date", "end_date", "created_at", "updated_at")
PAYLOAD = {"name": "Monsoon season, fine grid", "start_date": "2026-06-01", "end_date": "2026-09-30"}
BULK_ROWS = 1_000
DAY = "2026-06-01"

Check = Callable[[Connection, int, str, Any], bool]


@dataclass(frozen=True, eq=False)
class Operation:
    """One kind of request. `right` compares a response with the database. `slow` operations run three times
    as long, so that few requests are still in progress when wrk stops."""

    name: str
    title: str
    right: Check
    method: str = "GET"
    path: str = "/api/simulations"
    status: int = 200
    payload: Any = None
    slow: bool = False

    @property
    def body(self) -> bytes | None:
        return None if self.payload is None else orjson.dumps(self.payload)

    @property
    def writes(self) -> bool:
        """Whether it changes rows."""
        return self.method != "GET"


def rows(connection: Connection, rest: str, *params: Any) -> list[dict[str, Any]]:
    """Return rows of the table as their JSON must represent them."""
    found = connection.execute(f"SELECT {', '.join(FIELDS)} FROM {TABLE} {rest}".encode(), params)
    shown = [dict(zip(FIELDS, row, strict=True)) for row in found]
    items: list[dict[str, Any]] = orjson.loads(orjson.dumps(shown, option=orjson.OPT_UTC_Z))
    return items


def right_object(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether this is the object with that id, as it is stored."""
    return bool([content] == rows(connection, "WHERE owner_id = %s AND id = %s", owner, id))


def right_change(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether this is the object with that id, with the values that were sent."""
    return right_object(connection, owner, id, content) and content.items() >= PAYLOAD.items()


def right_creation(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether this is a new object with the values that were sent."""
    return content["id"] != id and right_change(connection, owner, content["id"], content)


def right_page(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether this page has the owner's newest hundred, and a cursor."""
    rest = "WHERE owner_id = %s ORDER BY created_at DESC, id DESC LIMIT 100"
    return right_items(content, rows(connection, rest, owner))


def right_filtered_page(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether this page has the first hundred by name that start on or after that day."""
    rest = "WHERE owner_id = %s AND start_date >= %s ORDER BY name, id LIMIT 100"
    return right_items(content, rows(connection, rest, owner, DAY))


def right_items(content: Any, items: list[dict[str, Any]]) -> bool:
    """Return whether a page has exactly these items, a hundred of them, and a cursor."""
    cursor = content.get("next_cursor")
    return (
        len(items) == 100 and isinstance(cursor, str) and content == {"items": items, "next_cursor": cursor}
    )


def right_bulk(connection: Connection, owner: int, id: str, content: Any) -> bool:
    """Return whether all rows were created and their ids returned."""
    ids = content["ids"]
    created = rows(connection, "WHERE owner_id = %s AND id = ANY(%s)", owner, ids)
    sent = all(row.items() >= PAYLOAD.items() for row in created)
    return bool(sent and content == {"created": BULK_ROWS, "ids": ids} and len(created) == BULK_ROWS)


OPERATIONS = [
    Operation("get", "Get", right_object, path="/api/simulations/{id}"),
    Operation("list", "List of 100", right_page),
    Operation(
        "filter",
        "List of 100, filtered and sorted",
        right_filtered_page,
        path=f"/api/simulations?start_date__gte={DAY}&sort=name",
    ),
    Operation("create", "Create", right_creation, "POST", status=201, payload=PAYLOAD),
    Operation("replace", "Replace", right_change, "PUT", "/api/simulations/{id}", payload=PAYLOAD),
    Operation(
        "bulk",
        "Bulk create of 1,000",
        right_bulk,
        "POST",
        "/api/simulations/bulk",
        201,
        {"items": [PAYLOAD] * BULK_ROWS},
        slow=True,
    ),
]


class WrongAnswerError(Exception):
    """A response with an unexpected status or content."""


def check(operation: Operation, address: str, connection: Connection, owner: int, id: str) -> None:
    """Send one request, and compare the response with the database. Raises WrongAnswerError."""
    client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    headers = {"X-API-Key": key_of(owner), "Content-Type": "application/json"}
    try:
        client.request(operation.method, operation.path.replace("{id}", id), operation.body, headers)
        response = client.getresponse()
        text = response.read()
    finally:
        client.close()
    place = f"{operation.method} {operation.path} returned {response.status}: {text[:500]!r}"
    if response.status != operation.status:
        raise WrongAnswerError(place)
    if not operation.right(connection, owner, id, orjson.loads(text)):
        raise WrongAnswerError(f"{place}, which does not match the database")
