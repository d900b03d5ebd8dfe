"""Who sent a request, its id, and whether it is one of the API."""

import logging
import os
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ops.proxies import MAPPED, set_client_address

GetResponse = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

current_request_id: ContextVar[str] = ContextVar("request_id", default="-")
current_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)

# What the access log reports besides HTTP. gunicorn sets an empty dict before each request.
access_log_fields: ContextVar[dict[str, Any]] = ContextVar("access_log_fields")


class Request(HttpRequest):
    """A request that has passed `RequestMiddleware`."""

    request_id: str
    is_api: bool
    """Whether the HTTP contract applies to its path, known or not."""


class RequestMiddleware:
    """Gives each request its client's address, an id, and `is_api`.

    The id is in the response's `X-Request-ID`, in problem details and in log lines; a well-formed one of the
    client's is kept. The access log also gets the address, the route, and the prefix of the key.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponseBase:
        environ, path = request.META, request.path_info
        if "HTTP_X_FORWARDED_FOR" in environ or environ.get("REMOTE_ADDR", "").startswith(MAPPED):
            set_client_address(request)
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
        request.request_id = request_id
        request.is_api = path.startswith("/api/") or path == "/api"
        id_token, request_token = current_request_id.set(request_id), current_request.set(request)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(id_token)
            current_request.reset(request_token)
        response["X-Request-ID"] = request_id
        match, caller = request.resolver_match, getattr(request, "auth", None)
        access_log_fields.get({}).update(
            address=environ.get("REMOTE_ADDR"),
            request_id=request_id,
            route=f"/{match.route}" if match else None,
            key=getattr(caller, "prefix", None),
        )
        return response


class RequestIDFilter(logging.Filter):
    """Adds `request_id` to each log record: `-` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id.get()
        return True
