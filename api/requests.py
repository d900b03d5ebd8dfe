"""What the API knows about a request and its sender."""

from typing import Any, Protocol

from ops.middleware.requests import Request


class Caller(Protocol):
    """The sender of a request. The API's authentication returns an object with at least these attributes."""

    @property
    def owner_id(self) -> int:
        """The user whose objects the caller sees."""

    @property
    def prefix(self) -> str:
        """The beginning of the caller's key, which identifies it."""

    @property
    def read_only(self) -> bool:
        """Whether the caller may read but not write."""


class ApiRequest(Request):
    """A request that an operation sees; `auth` is set once it is authenticated."""

    auth: Caller
    rate_headers: dict[str, str]
    parsed_body: Any
