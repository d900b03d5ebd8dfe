"""What the shared code knows of a request and of who sends it."""

from typing import Any, Protocol

from django.http import HttpRequest


class Caller(Protocol):
    """Who is calling: whatever the API's authentication returns has at least this."""

    @property
    def owner_id(self) -> int:
        """The user whose objects the caller sees."""

    @property
    def prefix(self) -> str:
        """What tells the caller's key from others."""

    @property
    def read_only(self) -> bool:
        """Whether the caller may read but not write."""


class ApiRequest(HttpRequest):
    """A request that an operation sees; `auth` is set once it is authenticated."""

    auth: Caller
    request_id: str
    rate_headers: dict[str, str]
    parsed_body: Any
