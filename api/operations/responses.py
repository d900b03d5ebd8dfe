"""Responses: JSON as the contract has it, and the validators (`ETag`, `Last-Modified`) of an object."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date
from ninja.operation import Operation
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder, Status

from api.operations.flat import flat_fields
from api.operations.parsing import JSON
from api.operations.preconditions import etag, unchanged
from owned.models import OwnedModel


class Encoder(NinjaJSONEncoder):
    """Writes what JSON does not have as ninja does, but times with their microseconds."""

    def default(self, o: Any) -> Any:
        """Return what JSON has for an object. Raises TypeError."""
        if isinstance(o, datetime | date):
            return json.loads(orjson.dumps(o, option=orjson.OPT_UTC_Z))
        if isinstance(o, set | frozenset):
            return sorted(o, key=str)
        if isinstance(o, Enum):
            return o.value
        return super().default(o)


_encode = Encoder().default


class Renderer(BaseRenderer):
    """Renders JSON with microseconds and `Z`, where ninja's own cuts times off at milliseconds."""

    media_type = JSON

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return JSON; `Decimal`, `UUID` and so on are written as ninja writes them."""
        return to_json(data)


def to_json(data: Any) -> bytes:
    """Return JSON in UTF-8; integers may have any size. Raises TypeError for what JSON cannot hold."""
    try:
        return orjson.dumps(data, default=_encode, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(data, cls=Encoder, ensure_ascii=False, allow_nan=False).encode()


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a JSON response."""
    return HttpResponse(to_json(content), status=status, content_type=JSON, headers=headers)


class ObjectResponses:
    """Makes the responses of an operation whose function returns an owned object."""

    def __init__(self, operation: Operation) -> None:
        statuses = list(operation.response_models)
        self.status = statuses[0] if len(statuses) == 1 else 200
        model: Any = operation.response_models.get(self.status)
        self.schema = model.model_fields["response"].annotation if hasattr(model, "model_fields") else None
        filtered = operation.exclude_unset or operation.exclude_defaults or operation.exclude_none
        self.may_be_flat = len(statuses) == 1 and not filtered and not operation.by_alias
        self.depth = operation.path.strip("/").count("/") + 1 if operation.path.strip("/") else 0
        self.flat: dict[type[OwnedModel], tuple[str, ...] | None] = {}

    def respond(self, request: HttpRequest, result: Any, headers: dict[str, str]) -> Any:
        """Add an object's validators to the headers; return its JSON, a 304, or the result as it is."""
        row, status = result, self.status
        if isinstance(result, Status):
            row, status = result.value, result.status_code
        if not isinstance(row, OwnedModel):
            return result
        match = request.resolver_match
        # `/latest` names another object each time: it has no validators.
        named = status == 201 or (match is not None and row.pk in match.kwargs.values())
        if named and request.method != "DELETE":
            headers["ETag"] = etag(row.version)
        if status == 201:
            headers["Location"] = f"{self.collection(request)}/{row.pk}"
        if named and request.method == "GET":
            headers["Last-Modified"] = http_date(row.updated_at.timestamp())
            if unchanged(request, row.version, row.updated_at):
                return not_modified()
        fields = self.fields(type(row)) if row is result else None
        if fields is None:
            return result
        return json_response({name: getattr(row, name) for name in fields}, status)

    def collection(self, request: HttpRequest) -> str:
        """Return the path of the collection: the request's without the segments of the operation."""
        return request.path.rsplit("/", self.depth)[0] if self.depth else request.path

    def fields(self, model: type[OwnedModel]) -> tuple[str, ...] | None:
        """Return the columns of a flat schema, in order; None for any other."""
        if model not in self.flat:
            self.flat[model] = flat_fields(self.schema, model) if self.may_be_flat else None
        return self.flat[model]


def not_modified() -> HttpResponse:
    """Return a 304, which has no body and no type of one."""
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return response
