"""What needs only headers and bytes, and holds for every path under `/api`."""

from collections.abc import Callable
from typing import cast

from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve

from api.bodies import drain, read_chunked
from api.problems.problem import PROBLEM_JSON, Problem, problem_for_response, unreadable_header
from ops.paths import is_api


class ApiMiddleware:
    """Answers every path under `/api` itself; the middleware after it is for pages alone.

    So no session, cookie or CSRF token is even looked at there, and none of that is paid for. HEAD, OPTIONS,
    `Allow`, cache headers and problem details are the same on every path, with an operation or without.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.page = get_response
        self.view = convert_exception_to_response(call_view)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api(request.path_info):
            return self.page(request)
        response = self.answer(request)
        # Whatever failed is in the log, with the request's id; Django's handler would add a line without.
        response._has_been_logged = True  # type: ignore[attr-defined]
        if response.status_code == 413:
            drain(request)
        for name, value in getattr(request, "rate_headers", {}).items():
            response[name] = value
        if getattr(request, "auth", None) is not None:
            response["Cache-Control"] = "private, no-cache"
            response["Vary"] = "X-API-Key"
        if isinstance(response, HttpResponse) and response.status_code != 204:
            response["Content-Length"] = str(len(response.content))
        return response

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Call the view, and make a problem of whatever went wrong outside of the operations."""
        try:
            check_host(request)
            read_chunked(request)
        except Problem as problem:
            return problem.response(request)
        method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        response = cast(HttpResponseBase, self.view(request))
        request.method = method  # whoever sends the answer to HEAD drops its body
        if response.status_code == 405:
            response["Allow"] = allow(response["Allow"])
            if method == "OPTIONS":
                response = HttpResponse(status=204, headers={"Allow": response["Allow"]})
                del response["Content-Type"]
                return response
        if response.status_code >= 400 and response["Content-Type"] != PROBLEM_JSON:
            return problem_for_response(request, response)
        return response


def call_view(request: HttpRequest) -> HttpResponseBase:
    """Do what Django's handler does at the end of its middleware."""
    match = request.resolver_match = resolve(request.path_info)
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response


def check_host(request: HttpRequest) -> None:
    """Raise a 400 problem for a `Host` that is not in ALLOWED_HOSTS."""
    try:
        request.get_host()
    except DisallowedHost:
        detail = "this service does not answer to that name"
        raise unreadable_header("Host", detail, "host_not_allowed") from None


def allow(methods: str) -> str:
    """Complete a view's own `Allow` header with the methods that this middleware answers."""
    named = {method.strip() for method in methods.split(",")}
    return ", ".join(sorted(named | {"OPTIONS"} | ({"HEAD"} if "GET" in named else set())))
