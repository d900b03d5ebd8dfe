"""A `curl` example for each operation of the OpenAPI document."""

import json
import shlex
from typing import Any

from api.openapi.components import PARAMETERS, JsonObject

ADDRESS = "http://127.0.0.1:8000"


def value(schema: JsonObject, schemas: JsonObject) -> Any:
    """Build a value from the examples in a schema. `schemas` are the schemas that it can refer to by name."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if "examples" in schema:
        return schema["examples"][0]
    if schema["type"] == "array":
        return [value(schema["items"], schemas)]
    return {name: value(field, schemas) for name, field in schema["properties"].items()}


def curl(method: str, path: str, headers: list[str], body: Any) -> str:
    """Return a command that sends a request. It reads the API key from the shell variable KEY."""
    sent = {name: PARAMETERS[name]["example"] for name in headers}
    lines = [f"curl {ADDRESS}{path}", '-H "X-API-Key: $KEY"']
    if method not in ("GET", "POST"):
        lines[0] = f"curl -X {method} {ADDRESS}{path}"
    lines += [f"-H {shlex.quote(f'{name}: {example}')}" for name, example in sent.items()]
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(body))}"]
    return " \\\n  ".join(lines)


def describe(text: str, headers: list[str], command: str) -> str:
    """Return an operation's description: its docstring, the descriptions of its headers, and the command."""
    told = [f"- `{name}`: {PARAMETERS[name]['description']}" for name in headers]
    return "\n\n".join([text, *(["\n".join(told)] if told else []), f"```sh\n{command}\n```"])
