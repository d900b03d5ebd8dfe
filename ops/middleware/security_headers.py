"""Security headers of pages: what a browser may load, and what it must not cache."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'self'",  # nothing inline, and nothing from other hosts
        "img-src 'self' data:",  # icons in the stylesheet of Swagger UI
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityPolicyMiddleware:
    """Lets a page load only files of this service, and caches keep no page that depends on the session.

    The next user of the same browser therefore sees no private page. Django 6.0 has a middleware for content
    security policies, but 5.2 does not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # Django's debug pages have inline styles.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response["Content-Security-Policy"] = POLICY
        if "Cookie" in response.get("Vary", "") and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response
