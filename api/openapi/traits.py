"""What of the contract an operation takes part in, read off its declaration."""

from typing import Any

from ninja.operation import Operation
from pydantic import BaseModel

from api.operations.parsing import BodyReader, reader_of
from api.problems import types
from api.problems.types import ProblemType
from api.schemas import OwnedOut


class Traits:
    """The headers, bodies and problems of one operation."""

    def __init__(self, operation: Operation) -> None:
        schema = response_schema(operation)
        owned = isinstance(schema, type) and issubclass(schema, OwnedOut)
        self.method = operation.methods[0]
        self.status = next(iter(operation.response_models))
        self.authenticates = bool(operation.auth_callbacks)
        self.writes = self.method != "GET"
        has_body = any(model.__ninja_param_source__ == "body" for model in operation.models)
        self.body: BodyReader | None = reader_of(operation) if has_body else None
        self.on_object = operation.path.endswith("/{id}")
        self.has_id = "{" in operation.path
        self.shows_object = owned and (self.on_object or self.writes)
        self.exports = operation.path.endswith("/export") and owned
        self.pages = isinstance(schema, type) and "next_cursor" in getattr(schema, "model_fields", {})

    def request_headers(self) -> list[str]:
        """Return the headers that it reads."""
        if self.method == "POST":
            return ["Idempotency-Key"] if self.authenticates else []
        if not self.on_object:
            return []
        return ["If-Match"] if self.writes else ["If-None-Match", "If-Modified-Since"]

    def response_headers(self, status: int) -> list[str]:
        """Return the headers of a success."""
        named = self.shows_object and self.method != "DELETE" and (self.on_object or status == 201)
        return [
            "X-Request-ID",
            *(["RateLimit", "RateLimit-Policy"] if self.authenticates else []),
            *(["ETag"] if named else []),
            *(["Last-Modified"] if named and not self.writes else []),
            *(["Location"] if named and status == 201 else []),
            *(["Link"] if self.pages else []),
            *(["Idempotent-Replayed"] if self.method == "POST" and self.authenticates else []),
        ]

    def problems(self) -> dict[int, list[ProblemType]]:
        """Return the problems that it can respond with, by status."""
        header, changes = self.request_headers(), self.on_object and self.writes
        found = [
            *([types.MALFORMED_REQUEST] if self.body or "If-Match" in header else []),
            *([types.INVALID_KEY, types.RATE_LIMITED] if self.authenticates else []),
            *([types.READ_ONLY_KEY] if self.authenticates and self.writes else []),
            *([types.NOT_FOUND] if self.has_id else []),
            *([types.BODY_TOO_LARGE, types.UNSUPPORTED_MEDIA_TYPE] if self.body else []),
            *([types.PRECONDITION_FAILED, types.PRECONDITION_REQUIRED] if changes else []),
            types.VALIDATION_ERROR,
            *(
                [types.IDEMPOTENCY_KEY_REUSED, types.REQUEST_IN_PROGRESS]
                if "Idempotency-Key" in header
                else []
            ),
            types.INTERNAL_ERROR,
            types.UNAVAILABLE,
        ]
        by_status: dict[int, list[ProblemType]] = {}
        for kind in sorted(found, key=lambda kind: kind.status):
            by_status.setdefault(kind.status, []).append(kind)
        return by_status


def response_schema(operation: Operation) -> Any:
    """Return the schema of the first response that an operation declares, or None."""
    model: Any = next(iter(operation.response_models.values()))
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return model.model_fields["response"].annotation
