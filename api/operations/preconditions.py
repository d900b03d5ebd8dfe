"""Conditional requests (RFC 9110, 13): entity tags, `If-Match`, `If-None-Match`, `If-Modified-Since`."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from django.conf import settings
from django.http import HttpRequest

from api.problems.problem import Problem, unreadable_header
from api.problems.types import PRECONDITION_FAILED, PRECONDITION_REQUIRED

_TAG = r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")'
_TAGS = re.compile(rf"[ \t]*(?:{_TAG}[ \t]*,[ \t]*)*{_TAG}[ \t]*")
IN_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"})
"""The headers that `unchanged` reads."""


def etag(version: int) -> str:
    """Return the strong entity tag of an object's version."""
    return f'"{version}"'


class IfMatch:
    """The versions that a client is willing to change."""

    def __init__(self, tags: frozenset[str]) -> None:
        self.tags = tags

    def check(self, version: int) -> None:
        """Raise a 412 problem unless the object is at one of these versions."""
        if not self.tags & {"*", etag(version)}:
            detail = f"The object is at version {etag(version)}. Get it again to see what changed."
            raise Problem(PRECONDITION_FAILED, detail)


def if_match(request: HttpRequest) -> IfMatch | None:
    """Return the versions in `If-Match`, or None without the header.

    A `W/` that a proxy added to a tag is removed. Raises a problem: 400 for an invalid value, and 428 for a
    missing header if REQUIRE_IF_MATCH is set.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        if settings.REQUIRE_IF_MATCH:
            raise Problem(PRECONDITION_REQUIRED, "Send If-Match with the ETag of the version to change.")
        return None
    tags = _read(header)
    if tags is None:
        detail = 'must be an entity tag in quotes such as "7", a list of them, or *'
        raise unreadable_header("If-Match", detail, "no_entity_tag")
    return IfMatch(tags)


def unchanged(request: HttpRequest, version: int, updated_at: datetime) -> bool:
    """Whether the client already has this version. An invalid header is ignored."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    tags = _read(header) if header else None
    if tags is not None:
        return bool(tags & {"*", etag(version)})
    try:
        since = parsedate_to_datetime(request.META.get("HTTP_IF_MODIFIED_SINCE", ""))
    except (ValueError, OverflowError):  # no date, or one beyond the year 9999
        return False
    return updated_at.replace(microsecond=0) <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def _read(header: str) -> frozenset[str] | None:
    """Return the tags with their quotes, `*` without, or None if the header is invalid."""
    if header.strip() == "*":
        return frozenset({"*"})
    if not _TAGS.fullmatch(header):
        return None
    return frozenset(re.findall(_TAG, header))
