"""Completes django-ninja's OpenAPI document with what the contract adds to each operation."""

from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from api.bodies import JSON
from api.inputs import ID_EXAMPLE
from api.openapi import examples
from api.openapi.components import (
    HEADERS,
    PARAMETERS,
    QUERY_TEXT,
    SCHEMAS,
    JsonObject,
    header_refs,
    problem_response,
)
from api.operations import answer_schema, body_reader
from api.problems.types import (
    BODY_TOO_LARGE,
    IDEMPOTENCY_KEY_REUSED,
    INTERNAL_ERROR,
    INVALID_KEY,
    MALFORMED_REQUEST,
    NOT_FOUND,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    RATE_LIMITED,
    READ_ONLY_KEY,
    REQUEST_IN_PROGRESS,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_ERROR,
    ProblemType,
)
from api.schemas import OwnedOut
from owned.exports import CSV, NDJSON, write_csv, write_ndjson

WRITERS = {CSV: write_csv, NDJSON: write_ndjson}


class Traits:
    """What of the contract an operation takes part in, read off its declaration."""

    def __init__(self, operation: Operation) -> None:
        """Look at the method, the path, the body and the answer."""
        schema = answer_schema(operation)
        self.method = operation.methods[0]
        self.status = next(iter(operation.response_models))
        self.authenticates = bool(operation.auth_callbacks)
        self.writes = self.method != "GET"
        self.body = body_reader(operation)
        self.on_object = "{id}" in operation.path
        self.shows_object = issubclass(schema, OwnedOut) and (self.on_object or self.writes)
        self.exports = issubclass(schema, OwnedOut) and not self.shows_object
        self.pages = "next_cursor" in schema.model_fields

    def request_headers(self) -> list[str]:
        """Return the headers that it looks at."""
        if self.method == "POST":
            return ["Idempotency-Key"]
        if not self.on_object:
            return []
        return ["If-Match"] if self.writes else ["If-None-Match", "If-Modified-Since"]

    def answer_headers(self) -> list[str]:
        """Return the headers of its good answer."""
        return [
            "X-Request-ID",
            *(["RateLimit", "RateLimit-Policy"] if self.authenticates else []),
            *(["ETag"] if self.shows_object and self.method != "DELETE" else []),
            *(["Last-Modified"] if self.shows_object and not self.writes else []),
            *(["Location"] if self.shows_object and self.method == "POST" else []),
            *(["Link"] if self.pages else []),
            *(["Idempotent-Replayed"] if self.method == "POST" else []),
        ]

    def problems(self) -> dict[int, list[ProblemType]]:
        """Return the problems that it can answer with, by status."""
        header, changes = self.request_headers(), self.on_object and self.writes
        found = [
            *([MALFORMED_REQUEST] if self.body or "If-Match" in header else []),
            *([INVALID_KEY, RATE_LIMITED] if self.authenticates else []),
            *([READ_ONLY_KEY] if self.authenticates and self.writes else []),
            *([NOT_FOUND] if self.on_object else []),
            *([BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE] if self.body else []),
            *([PRECONDITION_FAILED, PRECONDITION_REQUIRED] if changes else []),
            VALIDATION_ERROR,
            *([IDEMPOTENCY_KEY_REUSED, REQUEST_IN_PROGRESS] if "Idempotency-Key" in header else []),
            INTERNAL_ERROR,
            UNAVAILABLE,
        ]
        by_status: dict[int, list[ProblemType]] = {}
        for kind in sorted(found, key=lambda kind: kind.status):
            by_status.setdefault(kind.status, []).append(kind)
        return by_status


class Document(OpenAPISchema):
    """The OpenAPI document: every status that an operation can answer, with its headers and schemas."""

    def operation_details(self, operation: Operation) -> JsonObject:
        """Add to what ninja knows the media types, the headers, and the problems."""
        details: JsonObject = super().operation_details(operation)
        traits = Traits(operation)
        for name in traits.request_headers():
            details["parameters"].append({"$ref": f"#/components/parameters/{name}"})
        if traits.body is not None:
            schema = details["requestBody"]["content"][JSON]["schema"]
            details["requestBody"]["content"] = {
                kind: self.rows_as_text(schema, kind) if kind in WRITERS else {"schema": schema}
                for kind in traits.body.parsers
            }
        details["responses"] = self.answers(details["responses"][traits.status], traits)
        return details

    def rows_as_text(self, schema: JsonObject, media_type: str) -> JsonObject:
        """Return the body of a bulk create in a format whose rows no schema tells: an example does."""
        rows = examples.value(schema, self.schemas)["items"]
        part = [list(row.values()) for row in rows]
        text = b"".join(WRITERS[media_type]([part], list(rows[0]))).decode()
        return {"schema": {"type": "string", "minLength": 1}, "example": text}

    def answers(self, success: JsonObject, traits: Traits) -> JsonObject:
        """Return every answer of an operation by its status."""
        success["headers"] = header_refs(*traits.answer_headers())
        if traits.exports:
            success["content"] = {media_type: {"schema": {"type": "string"}} for media_type in (CSV, NDJSON)}
        answers = {traits.status: success}
        if traits.shows_object and not traits.writes:
            kept = header_refs("X-Request-ID", "ETag", "Last-Modified")
            answers[304] = {"description": "Not Modified: you have it already.", "headers": kept}
        for status, kinds in traits.problems().items():
            name = "-or-".join(kind.slug for kind in kinds)
            self.problem_responses[name] = problem_response(*kinds)
            answers[status] = {"$ref": f"#/components/responses/{name}"}
        return answers

    def operation_parameters(self, operation: Operation) -> list[JsonObject]:
        """Say what a query can hold: no `null`, which is what one left out is for Python; no empty text."""
        named = dict(self.schemas)
        parameters: list[JsonObject] = super().operation_parameters(operation)
        self.schemas = named  # without the models of a query, which nothing refers to
        for parameter in parameters:
            parameter.pop("examples", None)  # its schema has them; here, OpenAPI takes them in another form
            schema = parameter["schema"]
            schema.update(next((kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}), {}))
            text = schema.get("items", schema)
            if text["type"] == "string" and not text.keys() & {"enum", "format", "pattern"}:
                text.update(QUERY_TEXT)
        return parameters

    def get_paths(self) -> JsonObject:
        """Collect the problems that operations answer with, and add to each an example to copy."""
        self.problem_responses: JsonObject = {}
        paths: JsonObject = super().get_paths()
        for path, methods in paths.items():
            for method, details in methods.items():
                self.add_example(path, method.upper(), details)
        return paths

    def add_example(self, path: str, method: str, details: JsonObject) -> None:
        """Add to a description what the operation's headers do, and a command that sends them."""
        headers = [ref["$ref"].rsplit("/", 1)[1] for ref in details["parameters"] if "$ref" in ref]
        content = details.get("requestBody", {}).get("content", {})
        body = examples.value(content[JSON]["schema"], self.schemas) if content else None
        shown = path.replace("{id}", ID_EXAMPLE)
        command = examples.curl(method, shown, [h for h in headers if h != "If-Modified-Since"], body)
        details["description"] = examples.describe(details["description"], headers, command)

    def get_components(self) -> JsonObject:
        """Add the schemas, parameters, headers and answers that operations share."""
        components: JsonObject = super().get_components()
        components["schemas"].update(SCHEMAS)
        components["parameters"] = PARAMETERS
        components["headers"] = HEADERS
        components["responses"] = self.problem_responses
        return components
