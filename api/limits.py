"""Rate limits: fixed windows, counted in the cache. They are exact if all processes share the cache."""

import logging
import math
import time
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from api.problems.problem import Problem
from api.problems.types import RATE_LIMITED
from api.requests import Caller

logger = logging.getLogger(__name__)

_reported = -math.inf


@dataclass(frozen=True)
class Window:
    """How much of a quota has been used, and the number of seconds until it resets."""

    quota: int
    length: int
    used: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"key";q={self.quota};w={self.length}',
            "RateLimit": f'"key";r={max(self.quota - self.used, 0)};t={self.reset}',
        }

    def enforce(self) -> None:
        """Raise a 429 problem above the quota."""
        if self.used > self.quota:
            detail = f"More than {self.quota} requests in {self.length} seconds; wait {self.reset} seconds."
            raise Problem(RATE_LIMITED, detail, headers={"Retry-After": str(self.reset)})


def admit(request: HttpRequest, caller: Caller) -> None:
    """Count a request of an authenticated caller, and set its rate headers. Raises a 429 problem."""
    request.auth = caller  # type: ignore[attr-defined]  # which a refusal needs too
    if settings.RATE_LIMIT is None:
        return
    window = count(f"key:{caller.prefix}", *settings.RATE_LIMIT)
    if window is not None:
        request.rate_headers = window.headers  # type: ignore[attr-defined]
        window.enforce()


def spend_address(request: HttpRequest) -> None:
    """Count a failed authentication of the client's address. Raises a 429 problem."""
    if settings.RATE_LIMIT_ANONYMOUS is None:
        return
    window = count(f"address:{request.META.get('REMOTE_ADDR', '')}", *settings.RATE_LIMIT_ANONYMOUS)
    if window is not None:
        window.enforce()


def count(who: str, quota: int, length: int) -> Window | None:
    """Count one request in the current window of `length` seconds. Return None if the cache is unavailable.

    `add` succeeds for one caller only and `incr` is atomic, so each request is counted once. The window is
    part of the name, so no counter has to be reset.
    """
    now = time.time()
    number, elapsed = divmod(now, length)
    name = f"rate:{who}:{number:.0f}"
    try:
        try:
            used = cache.incr(name)
        except ValueError:
            cache.add(name, 0, timeout=2 * length)
            used = cache.incr(name)
    except RedisError as error:
        # Without counters, serving everybody is better than serving nobody.
        report(error)
        return None
    return Window(quota, length, used, max(1, round(length - elapsed)))


def report(error: RedisError) -> None:
    """Log that Redis is unavailable, once a minute in each process."""
    global _reported
    if time.monotonic() - _reported > 60:
        _reported = time.monotonic()
        logger.error("rate limits are off, because Redis cannot be used: %s", error)
