"""How one request goes through one operation.

Stock ninja validates the answer against its schema and renders it in Python; here `response=` is for the
document alone, and `api.responses` writes what the operation returns.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja.operation import Operation
from pydantic import BaseModel

from api.bodies import JSON, MEBIBYTE, MERGE_PATCH, BodyReader, parse_json
from api.bulk.rows import read_csv_of, read_ndjson
from api.idempotency import once
from api.limits import spend_address, spend_key
from api.problems.problem import Problem
from api.problems.types import READ_ONLY_KEY
from api.queries import check_query
from api.requests import ApiRequest
from api.responses import object_answer, schema_answer
from api.schemas import Bulk, Patch
from owned.exports import CSV, NDJSON
from owned.models import OwnedModel

Run = Callable[..., HttpResponseBase]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def contract(run: Run) -> Run:
    """Make an operation keep the contract; a "view" decorator of ninja's, laid around each of the API's."""
    return Contract(cast(Operation, run.__self__))  # type: ignore[attr-defined]


class Contract:
    """One operation, and all that a request goes through: authenticate, count, read strictly, act, answer."""

    def __init__(self, operation: Operation) -> None:
        """Look once at what the operation declares."""
        self.operation = operation
        self.query = query_parameters(operation)
        self.body = body_reader(operation)
        self.status = next(iter(operation.response_models))
        self.fields = tuple(answer_schema(operation).model_fields)

    def __call__(self, request: ApiRequest, **path: Any) -> HttpResponseBase:
        """Return the answer; whatever goes wrong is one too."""
        try:
            refusal = self.operation._run_checks(request)
            if refusal is None:
                return self.serve(request, path)
            if refusal.status_code == 401:
                spend_address(request)
            return refusal
        except Exception as error:
            return self.operation.api.on_exception(request, error)

    def serve(self, request: ApiRequest, path: dict[str, Any]) -> HttpResponseBase:
        """Answer a request whose sender is known. Raises problems."""
        if self.operation.auth_callbacks:
            admit(request)
        check_query(request, self.query)
        if self.body is not None:
            request.parsed_body = self.body.read(request)
        values = self.operation._get_values(request, path, cast(HttpResponse, None))
        act = partial(self.act, request, values)
        retry_key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        return act() if retry_key is None or request.method != "POST" else once(request, retry_key, act)

    def act(self, request: ApiRequest, values: dict[str, Any]) -> HttpResponseBase:
        """Call the operation's own function, and make an answer of what it returns."""
        result = self.operation.view_func(request, **values)
        if isinstance(result, OwnedModel):
            return object_answer(request, result, self.fields, self.status)
        if isinstance(result, BaseModel):
            return schema_answer(result, self.status)
        return cast(HttpResponseBase, result)


def admit(request: ApiRequest) -> None:
    """Raise a problem for an authenticated caller past the rate limit (429), or without the right (403)."""
    spend_key(request)
    if request.auth.read_only and request.method not in SAFE_METHODS:
        raise Problem(READ_ONLY_KEY, "This key may read but not write.")


def query_parameters(operation: Operation) -> dict[str, bool]:
    """Return the names of the operation's query parameters, and whether each may stand more than once."""
    models = [m for m in operation.models if m.__ninja_param_source__ == "query"]
    return {
        name: name in model.__ninja_collection_fields__
        for model in models
        for name in model.__ninja_flatten_map__
    }


def body_schema(operation: Operation) -> type[BaseModel] | None:
    """Return the schema of the operation's body, or None for one that takes no body."""
    model = next((m for m in operation.models if m.__ninja_param_source__ == "body"), None)
    if model is None:
        return None
    field = model.model_fields[model.__read_from_single_attr__]
    return cast(type[BaseModel], field.annotation)


def body_reader(operation: Operation) -> BodyReader | None:
    """Return what reads the operation's body: JSON, and what its schema lets stand for JSON."""
    schema = body_schema(operation)
    if schema is None:
        return None
    if issubclass(schema, Bulk):
        csv = read_csv_of(schema.item_schema())
        return BodyReader({JSON: parse_json, CSV: csv, NDJSON: read_ndjson}, limit=10 * MEBIBYTE)
    if issubclass(schema, Patch):
        return BodyReader({JSON: parse_json, MERGE_PATCH: parse_json})
    return BodyReader({JSON: parse_json})


def answer_schema(operation: Operation) -> type[BaseModel]:
    """Return the schema of the operation's good answer."""
    wrapper = next(iter(operation.response_models.values()))
    return cast(type[BaseModel], wrapper.model_fields["response"].annotation)
