"""Responses: JSON as the contract has it, and the validators (`ETag`, `Last-Modified`) of an object."""

import json
from collections.abc import Iterable
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
from api.operations.preconditions import IN_CONDITIONS, etag, unchanged
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


class ObjectResponses:
    """Makes the responses of an operation whose function returns an owned object."""

    def __init__(self, operation: Operation, neighbours: Iterable[Operation]) -> None:
        statuses = list(operation.response_models)
        self.status = statuses[0] if len(statuses) == 1 else 200
        self.schema = schema_of(operation, self.status)
        filtered = operation.exclude_unset or operation.exclude_defaults or operation.exclude_none
        self.may_be_flat = len(statuses) == 1 and not filtered and not operation.by_alias
        self.depth = depth_of_collection(operation, self.schema, neighbours)
        self.flat: dict[type[OwnedModel], tuple[str, ...] | None] = {}
        """The columns of a flat schema, in order, by the model."""

    def respond(self, request: HttpRequest, result: Any, headers: dict[str, str]) -> Any:
        """Add an object's validators to the headers; return its JSON, a 304, or the result as it is."""
        row, status = result, self.status
        if isinstance(result, Status):
            row, status = result.value, result.status_code
        if not isinstance(row, OwnedModel):
            return result
        model = type(row)
        if model not in self.flat:
            self.flat[model] = flat_fields(self.schema, model) if self.may_be_flat else None
        fields = self.flat[model] if row is result else None
        match = request.resolver_match
        # `/latest` names another object each time: it has no validators.
        named = status == 201 or (match is not None and row.pk in match.kwargs.values())
        if named and request.method != "DELETE":
            headers["ETag"] = etag(row.version)
        if status == 201 and self.depth is not None:
            headers["Location"] = f"{self.collection(request)}/{row.pk}"
        # Another schema may show what changes without the version.
        if named and request.method == "GET" and fields is not None:
            headers["Last-Modified"] = http_date(row.updated_at.timestamp())
            if not IN_CONDITIONS.isdisjoint(request.META) and unchanged(request, row.version, row.updated_at):
                return not_modified()
        if fields is None:
            return result
        content = {name: getattr(row, name) for name in fields}
        return HttpResponse(to_json(content), status=status, content_type=JSON)

    def collection(self, request: HttpRequest) -> str:
        """Return the path of the collection: the request's without the segments of the operation."""
        return request.path.rsplit("/", self.depth)[0] if self.depth else request.path


def schema_of(operation: Operation, status: int) -> Any:
    """Return what an operation declares as its response of a status, or None."""
    model: Any = operation.response_models.get(status)
    return model.model_fields["response"].annotation if hasattr(model, "model_fields") else None


def depth_of_collection(operation: Operation, schema: Any, neighbours: Iterable[Operation]) -> int | None:
    """Return how many segments of an operation's path follow the collection of what it creates.

    Below the collection there is a GET of one object. Unless the path is the collection's own, that has to
    show the same schema: `/samples/{id}/place` may create no sample. None if there is no such GET.
    """
    shown = {}
    for each in neighbours:
        parent, _, last = each.path.strip("/").rpartition("/")
        if "GET" in each.methods and last.startswith("{"):
            shown[parent] = schema_of(each, 200)
    own = [segment for segment in operation.path.split("/") if segment]
    for depth in range(len(own) + 1):
        parent = "/".join(own[: len(own) - depth])
        if parent in shown and (depth == 0 or shown[parent] is schema):
            return depth
    return None


def not_modified() -> HttpResponse:
    """Return a 304, which has no body and no type of one."""
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return response
