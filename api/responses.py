"""Turns what an operation returns into the answer, serialized once."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date
from pydantic import BaseModel

from api.bodies import JSON
from api.preconditions import etag, unchanged
from owned.models import OwnedModel


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return JSON; times in UTC end in `Z`, as RFC 3339 has them."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return HttpResponse(body, status=status, content_type=JSON, headers=headers)


def object_answer(
    request: HttpRequest, row: OwnedModel, fields: tuple[str, ...], status: int
) -> HttpResponse:
    """Return one object with the headers that the method calls for, or 304 to a client that has it."""
    headers = {}
    if request.method != "DELETE":
        headers["ETag"] = etag(row.version)
    if request.method == "GET":
        headers["Last-Modified"] = http_date(row.updated_at.timestamp())
        if unchanged(request, row.version, row.updated_at):
            return not_modified(headers)
    if status == 201:
        headers["Location"] = f"{request.path}/{row.pk}"
    return json_answer({name: getattr(row, name) for name in fields}, status, headers)


def not_modified(headers: Mapping[str, str]) -> HttpResponse:
    """Return a 304, which has no body and so no type of one."""
    response = HttpResponse(status=304, headers=headers)
    del response["Content-Type"]
    return response


def schema_answer(value: BaseModel, status: int) -> HttpResponse:
    """Return what a schema holds."""
    return json_answer(value.model_dump(), status)
