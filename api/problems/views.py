"""The error reference: the pages that the `type` of a problem refers to."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

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
