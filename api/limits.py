"""Rate limits: fixed windows, counted in the cache. They are exact if all processes share the cache."""

import logging
import math
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from api.problems.problem import Problem
from api.problems.types import RATE_LIMITED
from api.requests import Caller

logger = logging.getLogger(__name__)

_reported = -math.inf


def admit(request: HttpRequest, caller: Caller) -> None:
    """Count a request of an authenticated caller, and set its rate headers. Raises a 429 problem."""
    request.auth = caller  # type: ignore[attr-defined]  # which a refusal needs too
    if settings.RATE_LIMIT is None:
        return
    quota, length = settings.RATE_LIMIT
    used, reset = count(f"key:{caller.prefix}", length)
    if used:
        request.rate_headers = {  # type: ignore[attr-defined]  # draft-ietf-httpapi-ratelimit-headers
            "RateLimit-Policy": f'"key";q={quota};w={length}',
            "RateLimit": f'"key";r={max(quota - used, 0)};t={reset}',
        }
    if used > quota:
        raise _limited(quota, length, reset)


def spend_address(request: HttpRequest) -> None:
    """Count a failed authentication of the client's address. Raises a 429 problem."""
    if settings.RATE_LIMIT_ANONYMOUS is not None:
        quota, length = settings.RATE_LIMIT_ANONYMOUS
        used, reset = count(f"address:{request.META.get('REMOTE_ADDR', '')}", length)
        if used > quota:
            raise _limited(quota, length, reset)


def _limited(quota: int, length: int, reset: int) -> Problem:
    detail = f"More than {quota} requests in {length} seconds; wait {reset} seconds."
    return Problem(RATE_LIMITED, detail, headers={"Retry-After": str(reset)})


def count(who: str, length: int) -> tuple[int, int]:
    """Count one request in the current window of `length` seconds.

    Returns the number of requests, and the seconds until the next window. `add` succeeds for one caller only
    and `incr` is atomic, so each request is counted once. The window is part of the name, so no counter has
    to be reset. If the cache is unavailable, the number is 0: serving everybody is better than nobody.
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
        report(error)
        used = 0
    return used, max(1, round(length - elapsed))


def report(error: RedisError) -> None:
    """Log that Redis is unavailable, once a minute in each process."""
    global _reported
    if time.monotonic() - _reported > 60:
        _reported = time.monotonic()
        logger.error("rate limits are off, because Redis cannot be used: %s", error)
