"""How one request goes through one operation.

Stock ninja validates the answer against its schema and renders it in Python; here `response=` is for the
document alone, and `api.answers` writes what the operation returns.
"""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja.operation import Operation
from pydantic import BaseModel

from api.answers import object_answer, schema_answer
from api.bodies import JSON, MERGE_PATCH, check_body
from api.models import OwnedModel
from api.queries import check_query

Run = Callable[..., HttpResponseBase]


def contract(run: Run) -> Run:
    """Make an operation keep the contract: authenticate, read strictly, act, answer, in this order.

    A "view" decorator of ninja's, laid around each operation of the API.
    """
    operation = cast(Operation, run.__self__)  # type: ignore[attr-defined]
    declared = query_parameters(operation)
    takes_body = any(model.__ninja_param_source__ == "body" for model in operation.models)
    merges = "{id}" in operation.path and operation.methods[0] in ("PATCH", "POST")
    media_types = (JSON, MERGE_PATCH) if merges else (JSON,)
    status, fields = success(operation)

    def handle(request: HttpRequest, **path: Any) -> HttpResponseBase:
        refusal = operation._run_checks(request)
        if refusal is not None:
            return refusal
        try:
            check_query(request, declared)
            if takes_body:
                check_body(request, media_types)
            values = operation._get_values(request, path, cast(HttpResponse, None))
            result = operation.view_func(request, **values)
        except Exception as error:
            return operation.api.on_exception(request, error)
        if isinstance(result, OwnedModel):
            return object_answer(request, result, fields, status)
        if isinstance(result, BaseModel):
            return schema_answer(result, status)
        return cast(HttpResponseBase, result)

    return handle


def query_parameters(operation: Operation) -> dict[str, bool]:
    """Return the names of the operation's query parameters, and whether each may stand more than once."""
    models = [m for m in operation.models if m.__ninja_param_source__ == "query"]
    return {
        name: name in model.__ninja_collection_fields__
        for model in models
        for name in model.__ninja_flatten_map__
    }


def success(operation: Operation) -> tuple[int, tuple[str, ...]]:
    """Return the status of an operation's good answer, and the fields that its schema shows."""
    status, model = next(iter(operation.response_models.items()))
    schema = model.model_fields["response"].annotation
    return status, tuple(schema.model_fields)
