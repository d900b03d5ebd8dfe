"""Components of the OpenAPI document that all operations share."""

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
        "description": 'The version of the object, such as `"7"`. Send it in `If-Match` with a change.',
        "schema": {"type": "string", "pattern": '^"[0-9]+"$', "examples": ['"1"']},
    },
    "Idempotent-Replayed": {
        "description": "`true` if this is a stored response to an earlier identical request.",
        "schema": {"type": "string", "const": "true"},
    },
    "Last-Modified": {
        "description": "When the object was last changed, to the second.",
        "schema": {"type": "string", "examples": ["Sun, 22 Nov 2026 08:00:00 GMT"]},
    },
    "Link": {
        "description": 'The URL of the next page, with `rel="next"` (RFC 8288). Absent on the last page.',
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The URL of the new object.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RateLimit": {
        "description": "The remaining requests (`r`), and the seconds until the limit resets (`t`).",
        "schema": {"type": "string", "examples": ['"key";r=1199;t=42']},
    },
    "RateLimit-Policy": {
        "description": "The number of requests (`q`) that are allowed per time window, in seconds (`w`).",
        "schema": {"type": "string", "examples": ['"key";q=1200;w=60']},
    },
    "Retry-After": {
        "description": "The number of seconds to wait before a retry.",
        "schema": {"type": "integer", "minimum": 0, "examples": [5]},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "schema": {"type": "string", "examples": ['ApiKey realm="goatfish"']},
    },
    "X-Request-ID": {
        "description": "The id of the request: the value that the client sent, or a new one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
}

QUERY_TEXT: JsonObject = {"minLength": 1, "pattern": r"^[^\x00]+$"}
"""The constraints of every string parameter: not empty, and no NUL character."""

_TAG = r'(W/)?"[\x21\x23-\x7e]*"'

PARAMETERS: JsonObject = {
    "Idempotency-Key": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "Makes retries safe. For 24 hours, the same request with the same key returns the "
        "stored response and writes nothing. Use a new random key for each new request.",
        # With or without quotes.
        "schema": {
            "type": "string",
            "pattern": r'^([\x21\x23-\x7e][\x21-\x7e]{0,254}|"[\x21-\x7e]{1,255}")$',
        },
        "example": "7f0a1c1e-5d6b-4b4e-9d0e-0f7f6f1f2a3b",
    },
    "If-Match": {
        "in": "header",
        "name": "If-Match",
        "description": "The `ETag` of the version to change. If the object has changed since, returns 412.",
        "schema": {"type": "string", "pattern": rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"},
        "example": '"1"',
    },
    "If-Modified-Since": {
        "in": "header",
        "name": "If-Modified-Since",
        "description": "The `Last-Modified` of your copy. If it is still current, returns 304.",
        "schema": {"type": "string"},
        "example": "Sun, 22 Nov 2026 08:00:00 GMT",
    },
    "If-None-Match": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` of your copy. If it is still current, returns 304.",
        "schema": {"type": "string"},
        "example": '"1"',
    },
}

SCHEMAS: JsonObject = {
    "FieldError": {
        "type": "object",
        "description": "An invalid value, and its location in one of pointer, parameter or header.",
        "required": ["detail", "code"],
        "properties": {
            "detail": {"type": "string", "examples": ["must not be before start_date"]},
            "code": {"type": "string", "examples": ["date_order"]},
            "pointer": {
                "type": "string",
                "description": "A JSON pointer (RFC 6901) into the body.",
                "examples": ["/end_date"],
            },
            "parameter": {"type": "string", "description": "The name of a query parameter."},
            "header": {"type": "string", "description": "The name of a request header."},
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
                "description": "The URL of a page that explains the problem and how to fix it.",
            },
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "The path of the request."},
            "request_id": {"type": "string", "description": "The value of X-Request-ID."},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        },
    },
}


LIMITS = ("RateLimit", "RateLimit-Policy")


def header_refs(*names: str) -> JsonObject:
    """Return references to shared headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_response(*kinds: ProblemType) -> JsonObject:
    """Return the response for problem types that share a status."""
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
