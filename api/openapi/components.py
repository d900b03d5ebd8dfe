"""The parts of the OpenAPI document that all operations share; components.json has their texts."""

import json
from pathlib import Path
from typing import Any

from api.problems import types
from api.problems.types import ProblemType

JsonObject = dict[str, Any]

_SHARED: JsonObject = json.loads(Path(__file__).with_name("components.json").read_text())
HEADERS: JsonObject = _SHARED["headers"]
PARAMETERS: JsonObject = _SHARED["parameters"]
SCHEMAS: JsonObject = _SHARED["schemas"]
QUERY_TEXT: JsonObject = _SHARED["query_text"]
"""What every text in a query is, whatever the parameter: not empty, and without NUL."""

LIMITS = ("RateLimit", "RateLimit-Policy")


def header_refs(*names: str) -> JsonObject:
    """Return references to shared headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_response(*kinds: ProblemType) -> JsonObject:
    """Return the response for problem types that share a status."""
    own = {
        types.INVALID_KEY: ["WWW-Authenticate"],
        types.RATE_LIMITED: ["Retry-After"],
        types.REQUEST_IN_PROGRESS: ["Retry-After"],
        types.UNAVAILABLE: ["Retry-After"],
    }.get(kinds[0], [])
    return {
        "description": " or ".join(kind.title for kind in kinds),
        "headers": header_refs("X-Request-ID", *([] if types.INVALID_KEY in kinds else LIMITS), *own),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.slug: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _example(kind: ProblemType) -> JsonObject:
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.cause,
        "instance": "/api/me",
        "request_id": "3f0c8e7a5d1b4c2f9e6a7b8c9d0e1f2a",
    }
