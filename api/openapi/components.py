"""The parts of the OpenAPI document that all operations share."""

from typing import Any

from api.problems.types import (
    INVALID_KEY,
    RATE_LIMITED,
    REQUEST_IN_PROGRESS,
    UNAVAILABLE,
    ProblemType,
)

JsonObject = dict[str, Any]

HEADERS: JsonObject = {
    "ETag": {
        "description": 'The version of the object, as `"7"`: send it in `If-Match` with a change.',
        "schema": {"type": "string", "pattern": '^"[0-9]+"$', "examples": ['"1"']},
    },
    "Idempotent-Replayed": {
        "description": "`true` where this is the first answer to the same request again.",
        "schema": {"type": "string", "const": "true"},
    },
    "Last-Modified": {
        "description": "When the object was changed last, to the second.",
        "schema": {"type": "string", "examples": ["Sun, 22 Nov 2026 08:00:00 GMT"]},
    },
    "Link": {
        "description": 'The address of the next page, with `rel="next"` (RFC 8288); none on the last page.',
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the new object.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RateLimit": {
        "description": "How many requests are left (`r`), and how many seconds until all are again (`t`).",
        "schema": {"type": "string", "examples": ['"key";r=1199;t=42']},
    },
    "RateLimit-Policy": {
        "description": "How many requests the key may send (`q`) in how many seconds (`w`).",
        "schema": {"type": "string", "examples": ['"key";q=1200;w=60']},
    },
    "Retry-After": {
        "description": "In how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0, "examples": [5]},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "schema": {"type": "string", "examples": ['ApiKey realm="goatfish"']},
    },
    "X-Request-ID": {
        "description": "The id of the request: the caller's own, if it sent one, else a new one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
}

QUERY_TEXT: JsonObject = {"minLength": 1, "pattern": r"^[^\x00]+$"}
"""What every text in a query is, whatever the parameter: not empty, and without NUL."""

_TAG = r'(W/)?"[\x21\x23-\x7e]*"'

PARAMETERS: JsonObject = {
    "Idempotency-Key": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "Makes a retry safe: the same request with the same key, within 24 hours, is answered "
        "as the first was, and writes nothing. Take a new random one for each new request.",
        # Bare, or in quotes.
        "schema": {
            "type": "string",
            "pattern": r'^([\x21\x23-\x7e][\x21-\x7e]{0,254}|"[\x21-\x7e]{1,255}")$',
        },
        "example": "7f0a1c1e-5d6b-4b4e-9d0e-0f7f6f1f2a3b",
    },
    "If-Match": {
        "in": "header",
        "name": "If-Match",
        "description": "The `ETag` of the version to change: 412 when somebody has changed it meanwhile.",
        "schema": {"type": "string", "pattern": rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"},
        "example": '"1"',
    },
    "If-Modified-Since": {
        "in": "header",
        "name": "If-Modified-Since",
        "description": "The `Last-Modified` that you have: 304 when it is still that.",
        "schema": {"type": "string"},
        "example": "Sun, 22 Nov 2026 08:00:00 GMT",
    },
    "If-None-Match": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` that you have: 304 when it is still that.",
        "schema": {"type": "string"},
        "example": '"1"',
    },
}

SCHEMAS: JsonObject = {
    "FieldError": {
        "type": "object",
        "description": "What is wrong with one value, and where: one of pointer, parameter and header.",
        "required": ["detail", "code"],
        "properties": {
            "detail": {"type": "string", "examples": ["must not be before start_date"]},
            "code": {"type": "string", "examples": ["date_order"]},
            "pointer": {
                "type": "string",
                "description": "A JSON pointer (RFC 6901) into the body.",
                "examples": ["/end_date"],
            },
            "parameter": {"type": "string", "description": "A parameter of the query."},
            "header": {"type": "string", "description": "A header of the request."},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "request_id"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "A page that tells what went wrong, and how to mend it.",
            },
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "The path of the request."},
            "request_id": {"type": "string", "description": "What X-Request-ID says, and the log."},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        },
    },
}


LIMITS = ("RateLimit", "RateLimit-Policy")


def header_refs(*names: str) -> JsonObject:
    """Return references to headers that all operations share."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_response(*kinds: ProblemType) -> JsonObject:
    """Return the answer that types of problem with one status come with."""
    own = {
        INVALID_KEY: ["WWW-Authenticate"],
        RATE_LIMITED: ["Retry-After"],
        REQUEST_IN_PROGRESS: ["Retry-After"],
        UNAVAILABLE: ["Retry-After"],
    }.get(kinds[0], [])
    return {
        "description": " or ".join(kind.title for kind in kinds),
        "headers": header_refs("X-Request-ID", *([] if INVALID_KEY in kinds else LIMITS), *own),
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
