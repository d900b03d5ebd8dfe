"""The operations of the OpenAPI document, each with a valid request built only from the document."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache

from config.api import api
from tests.base import ApiTestCase

DOCUMENT: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/")))


@dataclass(frozen=True)
class Operation:
    """One operation. If its path contains `{id}`, `on()` sets the object's id."""

    name: str
    method: str
    template: str
    body: Any
    details: dict[str, Any]
    id: str = "{id}"

    @property
    def path(self) -> str:
        return self.template.replace("{id}", self.id)

    @property
    def on_object(self) -> bool:
        return "{id}" in self.template

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def success(self) -> int:
        return min(int(status) for status in self.details["responses"])

    @property
    def success_response(self) -> dict[str, Any]:
        """The documented response of a successful request."""
        return resolve(self.details["responses"][str(self.success)])

    @property
    def kind(self) -> str:
        """The kind: list, export, get, create, bulk, replace, update, delete, or read for any other GET."""
        if self.method == "POST":
            return "bulk" if "text/csv" in self.details["requestBody"]["content"] else "create"
        if self.writes or self.on_object:
            return {"GET": "get", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}[self.method]
        if "text/csv" in self.success_response["content"]:
            return "export"
        schema = resolve(self.success_response["content"]["application/json"]["schema"])
        return "list" if {"items", "next_cursor"} <= set(schema["properties"]) else "read"

    @property
    def collection(self) -> str:
        """The path of the resource's list, which all operations of a resource share."""
        return self.template.removesuffix("/{id}").removesuffix("/bulk").removesuffix("/export")

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        """The schemas of the body's fields; in a bulk create, those of one item."""
        return dict(self.object_schema["properties"])

    @property
    def required(self) -> list[str]:
        return list(self.object_schema.get("required", []))

    @property
    def object_schema(self) -> dict[str, Any]:
        schema = body_schema(self.details)
        return resolve(schema["properties"]["items"]["items"]) if self.kind == "bulk" else schema

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The schemas of the query parameters."""
        parameters = [resolve(parameter) for parameter in self.details["parameters"]]
        return {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}

    def on(self, id: str) -> "Operation":
        return replace(self, id=id)

    def varied(self, number: int) -> Any:
        """Return a body in which no field is less than with a smaller number. Numbers are from 0 to 9."""
        return {name: varied(field, number) for name, field in self.fields.items()}


def operations(*kinds: str) -> list[Operation]:
    """Return the operations of these kinds, or all operations."""
    found = [
        Operation(details["operationId"], method.upper(), path, example_body(details), details)
        for path, methods in DOCUMENT["paths"].items()
        if path.split("/", 3)[3:] in ([], ["{id}"], ["bulk"], ["export"])  # actions have tests of their own
        for method, details in methods.items()
    ]
    return [operation for operation in found if not kinds or operation.kind in kinds]


def sibling(operation: Operation, kind: str) -> Operation:
    """Return the operation of this kind on the same resource."""
    return next(other for other in operations(kind) if other.collection == operation.collection)


def body_schema(details: dict[str, Any]) -> dict[str, Any]:
    return resolve(details["requestBody"]["content"]["application/json"]["schema"])


def example_body(details: dict[str, Any]) -> Any:
    return example(body_schema(details)) if "requestBody" in details else b""


def example(schema: dict[str, Any]) -> Any:
    """Build a value from the examples in a schema."""
    schema = resolve(schema)
    if "examples" in schema:
        return schema["examples"][0]
    if schema["type"] == "array":
        return [example(schema["items"])]
    return {name: example(field) for name, field in schema["properties"].items()}


def varied(schema: dict[str, Any], number: int) -> Any:
    """Return a value that sorts after those of smaller numbers in any database, or equals them."""
    match schema:
        case {"enum": values}:
            return values[0]
        case {"format": "date"}:
            return str(date.fromisoformat("2026-01-01") + timedelta(days=number))
        case {"format": "date-time"}:
            return f"2026-01-01T00:00:0{number}Z"
        case {"type": "boolean"}:
            return number > 1
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 0) + number
        case {"type": "string"}:
            return f"value {number}"
    return example(schema)


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` within the document."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


class OperationTestCase(ApiTestCase):
    """Sends the operations of the document, whatever the resource."""

    def setUp(self) -> None:
        super().setUp()
        self.get("/api/me")  # stores the key's last use, so that later requests don't for ten minutes

    def get(self, path: str, **changes: Any) -> Any:
        return self.call("GET", path, **changes)

    def send(self, operation: Operation, query: str = "", **changes: Any) -> Any:
        body = changes.pop("body", operation.body)
        return self.call(operation.method, operation.path + query, body, **changes)

    def each(
        self, *kinds: str, writes: bool | None = None, on_object: bool | None = None
    ) -> Iterator[Operation]:
        """Yield the operations. Each one on an object gets a new object, owned by alice."""
        for operation in operations(*kinds):
            if writes in (None, operation.writes) and on_object in (None, operation.on_object):
                with self.subTest(operation.name):
                    ready = operation.on(self.object_id(operation))
                    cache.clear()  # so that no operation reaches a rate limit because of the others
                    yield ready

    def object_id(self, operation: Operation) -> str:
        return str(self.make(operation)["id"]) if operation.on_object else ""

    def make(self, operation: Operation, number: int | None = None, **changes: Any) -> dict[str, Any]:
        """Create an object of the operation's resource, from the example or from `varied(number)`."""
        create = sibling(operation, "create")
        body = create.body if number is None else create.varied(number)
        response = self.send(create, body=body, **changes)
        self.assertEqual(response.status_code, 201, response.content)
        return dict(response.json())

    def rows(self) -> list[Any]:
        """Return the first page of each list, as alice sees it."""
        return [self.get(operation.path).json() for operation in operations("list")]

    def assertInvalid(self, response: Any, place: str, name: str, code: str = "") -> None:  # noqa: N802
        """Check that exactly one value is invalid: a `pointer`, a `parameter` or a `header`."""
        errors = self.assertProblem(response, 422, "validation-error")["errors"]
        self.assertEqual([error.get(place) for error in errors], [name], errors)
        self.assertIn(code, errors[0]["code"])
