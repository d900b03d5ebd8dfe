"""What the shared code knows of a request and of who sends it."""

from typing import Protocol

from django.http import HttpRequest


class Caller(Protocol):
    """Who is calling: whatever the API's authentication returns has at least this."""

    @property
    def owner_id(self) -> int:
        """The user whose objects the caller sees."""


class ApiRequest(HttpRequest):
    """A request that an operation sees; `auth` is set once it is authenticated."""

    auth: Caller
    request_id: str


def is_api(path: str) -> bool:
    """Tell whether the HTTP contract governs this path, known or not."""
    return path == "/api" or path.startswith("/api/")
