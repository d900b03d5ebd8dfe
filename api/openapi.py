"""Completes django-ninja's OpenAPI document with what the contract adds to each operation."""

from typing import Any

from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from api.problem_types import (
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    INVALID_KEY,
    MALFORMED_REQUEST,
    NOT_FOUND,
    PROBLEM_TYPES,
    READ_ONLY_KEY,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_ERROR,
    ProblemType,
)
from api.schemas import OwnedOut

JsonObject = dict[str, Any]

HEADERS: JsonObject = {
    "ETag": {
        "description": 'The version of the object, as `"7"`.',
        "schema": {"type": "string", "pattern": '^"[0-9]+"$', "examples": ['"1"']},
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

ERROR_SCHEMA: JsonObject = {
    "type": "object",
    "description": "What is wrong with one value, and where: just one of pointer, parameter and header.",
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
}
PROBLEM_SCHEMA: JsonObject = {
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
}


class Document(OpenAPISchema):
    """The OpenAPI document: every status that an operation can answer, with its headers and schemas."""

    def operation_details(self, operation: Operation) -> JsonObject:
        """Add to what ninja knows the headers of the good answer, and the problems."""
        details: JsonObject = super().operation_details(operation)
        status, success = next(iter(details["responses"].items()))
        success["headers"] = header_refs("X-Request-ID", *success_headers(operation, status))
        for problem in problems(operation):
            details["responses"][problem.status] = {"$ref": f"#/components/responses/{problem.slug}"}
        return details

    def get_components(self) -> JsonObject:
        """Add the schemas, headers and answers that all operations share."""
        components: JsonObject = super().get_components()
        components["schemas"].update({"FieldError": ERROR_SCHEMA, "Problem": PROBLEM_SCHEMA})
        components["headers"] = HEADERS
        components["responses"] = {slug: problem_response(kind) for slug, kind in PROBLEM_TYPES.items()}
        return components


def success_headers(operation: Operation, status: int) -> list[str]:
    """Return the headers that the good answer has, in the document's order."""
    schema = operation.response_models[status].model_fields["response"].annotation
    if not issubclass(schema, OwnedOut):
        return ["Link"] if "next_cursor" in schema.model_fields else []
    method = operation.methods[0]
    return [
        *(["ETag"] if method != "DELETE" else []),
        *(["Last-Modified"] if method == "GET" else []),
        *(["Location"] if status == 201 else []),
    ]


def problems(operation: Operation) -> list[ProblemType]:
    """Return the problems that an operation can answer with, by status."""
    sources = {model.__ninja_param_source__ for model in operation.models}
    return [
        *([MALFORMED_REQUEST] if "body" in sources else []),
        *([INVALID_KEY] if operation.auth_callbacks else []),
        *([READ_ONLY_KEY] if operation.auth_callbacks and operation.methods != ["GET"] else []),
        *([NOT_FOUND] if "path" in sources else []),
        *([BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE] if "body" in sources else []),
        VALIDATION_ERROR,
        INTERNAL_ERROR,
        UNAVAILABLE,
    ]


def header_refs(*names: str) -> JsonObject:
    """Return references to headers that all operations share."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_response(kind: ProblemType) -> JsonObject:
    """Return the answer that a type of problem comes with."""
    own = {INVALID_KEY: ["WWW-Authenticate"], UNAVAILABLE: ["Retry-After"]}.get(kind, [])
    example = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.cause,
        "instance": "/api/simulations",
        "request_id": "3f0c8e7a5d1b4c2f9e6a7b8c9d0e1f2a",
    }
    return {
        "description": kind.title,
        "headers": header_refs("X-Request-ID", *own),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example,
            }
        },
    }
