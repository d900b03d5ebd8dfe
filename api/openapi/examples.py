"""A `curl` example for each operation of the OpenAPI document."""

import json
import shlex
from typing import Any

from api.inputs import ID_EXAMPLE
from api.openapi.components import PARAMETERS, JsonObject

ADDRESS = "http://127.0.0.1:8000"


DATES = {"date": "2026-06-01", "date-time": "2026-06-01T12:00:00Z", "time": "12:00:00Z", "duration": "PT1H"}
BY_TYPE: JsonObject = {"boolean": True, "integer": 1, "number": 1.5, "null": None, "string": "text"}
DEEPEST = 8  # a schema may refer to itself


def value(schema: JsonObject, schemas: JsonObject, depth: int = 0) -> Any:  # noqa: C901 (a table of cases)
    """Build a value from the examples in a schema. `schemas` are the schemas that it can refer to by name."""
    if "$ref" in schema:
        schema = schemas.get(schema["$ref"].rsplit("/", 1)[1], {})
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("example", "const", "default"):
        if name in schema:
            return schema[name]
    for kind in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        return value(kind, schemas, depth + 1)
    if depth > DEEPEST:
        return None
    match schema.get("type"):
        case "array":
            return [value(schema.get("items", {}), schemas, depth + 1)]
        case "object" | None:
            fields: JsonObject = schema.get("properties", {})
            return {name: value(field, schemas, depth + 1) for name, field in fields.items()}
        case "string" if schema.get("format") in DATES:
            return DATES[schema["format"]]
        case "string" if schema.get("format") == "uuid":
            return "0190b8a6-6d3e-7cc0-a9e4-1f2d3c4b5a69"
        case kind:
            return BY_TYPE.get(kind)


def curl(method: str, path: str, headers: list[str], body: Any) -> str:
    """Return a command that sends a request. It reads the API key from the shell variable KEY."""
    sent = {name: PARAMETERS[name]["example"] for name in headers}
    path = path.replace("{id}", ID_EXAMPLE)
    lines = [f"curl {ADDRESS}{path}", '-H "X-API-Key: $KEY"']
    if method not in ("GET", "POST"):
        lines[0] = f"curl -X {method} {ADDRESS}{path}"
    lines += [f"-H {shlex.quote(f'{name}: {example}')}" for name, example in sent.items()]
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(body, default=str))}"]
    return " \\\n  ".join(lines)


def describe(text: str, headers: list[str], command: str) -> str:
    """Return an operation's description: its docstring, the descriptions of its headers, and the command."""
    told = [f"- `{name}`: {PARAMETERS[name]['description']}" for name in headers]
    return "\n\n".join(filter(None, [text, "\n".join(told), f"```sh\n{command}\n```"]))
