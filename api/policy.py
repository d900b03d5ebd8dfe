"""The Content-Security-Policy of every page."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'self'",  # so nothing inline, and nothing from another host
        "img-src 'self' data:",  # Swagger UI's stylesheet holds its icons
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityPolicyMiddleware:
    """Lets a page load and run what this service serves as a file, and nothing else.

    Django has a middleware of this kind from 6.0 on; for one policy that never varies this one is enough.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not (
            settings.DEBUG and response.status_code in (404, 500)
        ):  # Django's own pages have inline styles
            response["Content-Security-Policy"] = POLICY
        return response
