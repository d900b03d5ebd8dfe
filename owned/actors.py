"""Who is writing: recorded with every version of an owned object."""

from typing import Any, NamedTuple

from ops.middleware.requests import current_request, current_request_id


class Actor(NamedTuple):
    """The user and the API key behind a write, as text that outlives both, and how the write came in."""

    username: str
    key: str
    via: str
    """`api`, `page`, `admin` or `command`; a command is everything outside of a request."""
    request_id: str


def current_actor() -> Actor:
    """Return who made the current request."""
    request: Any = current_request.get()
    request_id = current_request_id.get()
    if request is None:
        return Actor("", "", "command", request_id)
    if request.is_api:
        caller = getattr(request, "auth", None)
        return Actor(getattr(caller, "username", ""), getattr(caller, "prefix", ""), "api", request_id)
    match, user = request.resolver_match, getattr(request, "user", None)
    via = "admin" if match and "admin" in match.app_names else "page"
    return Actor(user.get_username() if user else "", "", via, request_id)
