"""The error reference: the pages that the `type` of a problem refers to."""

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views import defaults
from django.views.decorators.http import require_safe

from api.problems import types
from api.problems.problem import Problem, too_large, unreadable_header
from api.problems.types import PROBLEM_TYPES


@require_safe
def problem_pages(request: HttpRequest) -> HttpResponse:
    """List the problem types."""
    return render(request, "problems/index.html", {"problems": PROBLEM_TYPES.values()})


@require_safe
def problem_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Explain the cause of a problem and how to fix it."""
    if slug not in PROBLEM_TYPES:
        raise Http404
    context = {"problem": PROBLEM_TYPES[slug], "address": request.build_absolute_uri("/").rstrip("/")}
    return render(request, "problems/detail.html", context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Respond to a suspicious request (`handler400`)."""
    if not getattr(request, "is_api", False):
        return defaults.bad_request(request, exception)
    if isinstance(exception, DisallowedHost):
        problem = unreadable_header("Host", "is not a name of this service", "host_not_allowed")
    elif isinstance(exception, RequestDataTooBig):
        problem = too_large(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    else:
        problem = Problem(types.MALFORMED_REQUEST, "The request is malformed.")
    return problem.response(request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Respond to a request that is not allowed (`handler403`)."""
    if not getattr(request, "is_api", False):
        return defaults.permission_denied(request, exception)
    return Problem(types.FORBIDDEN, "This operation is not allowed.").response(request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Respond to an unknown path (`handler404`)."""
    if not getattr(request, "is_api", False):
        return defaults.page_not_found(request, exception)
    return Problem(types.NOT_FOUND, "There is nothing at this path.").response(request)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Respond after a crash (`handler500`)."""
    if not getattr(request, "is_api", False):
        return defaults.server_error(request)
    return Problem(types.INTERNAL_ERROR, types.INTERNAL_ERROR.cause).response(request)
