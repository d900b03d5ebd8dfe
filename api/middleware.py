"""What holds for every path under `/api`, with an operation or without."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from api.operations.bodies import drain, read_chunked
from api.problems.problem import PROBLEM_JSON, Problem, problem_for_status
from api.problems.types import METHOD_NOT_ALLOWED
from ops.middleware.requests import Request

OF_THE_BODY = frozenset({"Content-Disposition", "Content-Encoding", "Content-Language", "ETag"})
"""Headers that describe the body of an error page, and not that of the problem that replaces it."""


class ApiMiddleware:
    """Answers HEAD and OPTIONS, completes headers, and turns foreign error pages into problems.

    Django calls the view: later middleware, `process_view`, `process_exception` and `ATOMIC_REQUESTS` apply
    to the API as to everything else.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponseBase:
        if not request.is_api:
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost, for handler400
        method = request.method
        if method == "HEAD":
            request.method = "GET"
        try:
            if "HTTP_TRANSFER_ENCODING" in request.META:
                read_chunked(request)
            response = self.get_response(request)
        except Problem as problem:
            response = problem.response(request)
        request.method = method  # the server drops the body of a response to HEAD
        if response.status_code >= 400:
            response = as_problem(request, response)
        return completed(request, response)


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return the problem that stands for an error that is not JSON, with the same status."""
    kind = response.headers.get("Content-Type", "")
    if kind == PROBLEM_JSON or kind.startswith("application/json"):
        return response
    if response.status_code == 405 and "Allow" in response:
        allow = response["Allow"] = allowed(response["Allow"])
        if request.method == "OPTIONS":
            response = HttpResponse(status=204, headers={"Allow": allow})
            del response["Content-Type"]
            return response
        detail = f"This path accepts {allow}, not {request.method}."
        return Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allow}).response(request)
    problem = problem_for_status(request, response.status_code)
    for name, value in response.items():  # what other middleware has set
        if name not in OF_THE_BODY:
            problem.setdefault(name, value)
    return problem


def completed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Add the headers that do not depend on the operation."""
    if response.status_code == 413:
        drain(request)
    for name, value in getattr(request, "rate_headers", {}).items():
        response[name] = value
    if getattr(request, "auth", None) is not None:
        response.headers.setdefault("Cache-Control", "private, no-cache")
        if "Vary" in response:
            patch_vary_headers(response, ["X-API-Key"])
        else:
            response["Vary"] = "X-API-Key"
    if isinstance(response, HttpResponse) and response.status_code != 204:
        response["Content-Length"] = str(len(response.content))
    return response


def allowed(methods: str) -> str:
    """Return an `Allow` header with the methods that this middleware adds."""
    named = {method.strip() for method in methods.split(",")}
    return ", ".join(sorted(named | {"OPTIONS"} | ({"HEAD"} if "GET" in named else set())))
