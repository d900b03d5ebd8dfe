"""Completes django-ninja's OpenAPI document with what the contract adds to each operation."""

from typing import Any

from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

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
from api.openapi.traits import Traits
from api.parsing import JSON
from owned.exports import CSV, NDJSON, write_csv, write_ndjson

WRITERS = {CSV: write_csv, NDJSON: write_ndjson}


class Document(OpenAPISchema):
    """The OpenAPI document: every status that an operation can return, with its headers and schemas."""

    def operation_details(self, operation: Operation) -> JsonObject:
        """Add media types, headers and problems to what ninja knows."""
        details: JsonObject = super().operation_details(operation)
        traits = Traits(operation)
        for name in traits.request_headers():
            details["parameters"].append({"$ref": f"#/components/parameters/{name}"})
        content = details.get("requestBody", {}).get("content", {})
        if traits.body is not None and set(content) == {JSON}:
            schema = content[JSON]["schema"]
            details["requestBody"]["content"] = {
                kind: self.rows_as_text(schema, kind) if kind in WRITERS else {"schema": schema}
                for kind in traits.body.parsers
            }
        details["responses"] = self.complete_responses(details["responses"], traits)
        return details

    def rows_as_text(self, schema: JsonObject, media_type: str) -> JsonObject:
        """Return the body of a bulk create in a format whose rows no schema describes: an example does."""
        rows = examples.value(schema, self.schemas)["items"]
        part = [list(row.values()) for row in rows]
        text = b"".join(WRITERS[media_type]([part], list(rows[0]))).decode()
        return {"schema": {"type": "string", "minLength": 1}, "example": text}

    def complete_responses(self, declared: dict[Any, JsonObject], traits: Traits) -> dict[Any, JsonObject]:
        """Return every response of an operation by its status; those that it declares come first."""
        responses = dict(declared)
        for status, response in declared.items():
            if isinstance(status, int) and status < 400:
                response["headers"] = header_refs(*traits.response_headers(status))
        if traits.exports:
            text = {"schema": {"type": "string"}}
            responses[traits.status]["content"] = {CSV: text, NDJSON: text}
        if traits.on_object and traits.shows_object and not traits.writes:
            kept = header_refs("X-Request-ID", "ETag", "Last-Modified")
            responses[304] = {"description": "Not Modified: the client has this version.", "headers": kept}
        for status, kinds in traits.problems().items():
            if status not in declared:
                name = "-or-".join(kind.slug for kind in kinds)
                self.problem_responses[name] = problem_response(*kinds)
                responses[status] = {"$ref": f"#/components/responses/{name}"}
        return responses

    def operation_parameters(self, operation: Operation) -> list[JsonObject]:
        """Say what a query can hold: no `null`, which is Python's word for a missing one; no empty text."""
        named = dict(self.schemas)
        parameters: list[JsonObject] = super().operation_parameters(operation)
        self.schemas = {**self.schemas, **named} if any("$ref" in str(p) for p in parameters) else named
        for parameter in parameters:
            parameter.pop("examples", None)  # its schema has them; here, OpenAPI takes them in another form
            schema = parameter["schema"]
            kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
            if len(kinds) == 1:
                del schema["anyOf"]
                schema.update(kinds[0])
            text = schema.get("items", schema)
            if text.get("type") == "string" and not text.keys() & {"enum", "const", "format", "pattern"}:
                text.update(QUERY_TEXT)
        return parameters

    def get_paths(self) -> JsonObject:
        """Collect the problems of all operations, and add to each operation an example to copy."""
        self.problem_responses: JsonObject = {}
        paths: JsonObject = super().get_paths()
        for path, methods in paths.items():
            if methods.get("post") is methods.get("patch"):
                methods.pop("post", None)  # for clients that cannot send PATCH
            for method, details in methods.items():
                self.add_example(path, method.upper(), details)
        return paths

    def add_example(self, path: str, method: str, details: JsonObject) -> None:
        """Add to a description what the operation's headers do, and a command that sends them."""
        headers = [ref["$ref"].rsplit("/", 1)[1] for ref in details["parameters"] if "$ref" in ref]
        content = details.get("requestBody", {}).get("content", {})
        body = examples.value(content[JSON]["schema"], self.schemas) if JSON in content else None
        command = examples.curl(method, path, [h for h in headers if h != "If-Modified-Since"], body)
        details["description"] = examples.describe(details.get("description", ""), headers, command)

    def get_components(self) -> JsonObject:
        """Add the schemas, parameters, headers and responses that operations share."""
        components: JsonObject = super().get_components()
        components["schemas"].update(SCHEMAS)
        components["parameters"] = PARAMETERS
        components["headers"] = HEADERS
        components["responses"] = self.problem_responses
        return components
