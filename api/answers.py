"""Turns what an operation returns into the answer, serialized once."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date
from pydantic import BaseModel

from api.models import OwnedModel

JSON = "application/json"


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return JSON; times in UTC end in `Z`, as RFC 3339 has them."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return HttpResponse(body, status=status, content_type=JSON, headers=headers)


def object_answer(
    request: HttpRequest, row: OwnedModel, fields: tuple[str, ...], status: int
) -> HttpResponse:
    """Return one object with the headers that the method calls for."""
    headers = {}
    if request.method != "DELETE":
        headers["ETag"] = f'"{row.version}"'
    if request.method == "GET":
        headers["Last-Modified"] = http_date(row.updated_at.timestamp())
    if status == 201:
        headers["Location"] = f"{request.path}/{row.pk}"
    return json_answer({name: getattr(row, name) for name in fields}, status, headers)


def schema_answer(value: BaseModel, status: int) -> HttpResponse:
    """Return what a schema holds."""
    return json_answer(value.model_dump(), status)
