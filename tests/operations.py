"""The operations of the OpenAPI document, each with a valid request made from the document's examples."""

import json
from dataclasses import dataclass, replace
from typing import Any

from config.api import api

DOCUMENT: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/")))


@dataclass(frozen=True)
class Operation:
    """One operation, on an object whose id is still to be filled in if `template` has a place for it."""

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

    def on(self, id: str) -> "Operation":
        return replace(self, id=id)


def operations() -> list[Operation]:
    return [
        Operation(details["operationId"], method.upper(), path, example_body(details), details)
        for path, methods in DOCUMENT["paths"].items()
        for method, details in methods.items()
    ]


def example_body(details: dict[str, Any]) -> Any:
    if "requestBody" not in details:
        return b""
    return example(details["requestBody"]["content"]["application/json"]["schema"])


def example(schema: dict[str, Any]) -> Any:
    """Make a value from the examples in a schema."""
    schema = resolve(schema)
    if "examples" in schema:
        return schema["examples"][0]
    if schema["type"] == "array":
        return [example(schema["items"])]
    return {name: example(field) for name, field in schema["properties"].items()}


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` inside the document."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)
