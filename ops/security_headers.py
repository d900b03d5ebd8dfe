"""What every page tells a browser: what it may load, and not to keep what is somebody's."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import has_vary_header

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

    Django has a middleware of this kind from 6.0 on; for one policy that never varies this one is enough. A
    page that looked at the session is kept by nobody: whoever comes to the same browser next sees none of it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not (
            settings.DEBUG and response.status_code in (404, 500)
        ):  # Django's own pages have inline styles
            response["Content-Security-Policy"] = POLICY
        if has_vary_header(response, "Cookie") and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response
