"""What an operator should know of the settings; `manage.py check` tells."""

from typing import Any

from django.conf import settings
from django.core.checks import Info, register


@register
def rate_limits_are_shared(**kwargs: Any) -> list[Info]:
    """Tell when each worker process counts for itself, so that a limit is several times what it says."""
    counted = settings.RATE_LIMIT or settings.RATE_LIMIT_ANONYMOUS
    if settings.REDIS_URL or not counted or settings.WEB_CONCURRENCY == 1:
        return []
    return [
        Info(
            f"Rate limits are counted in each of the {settings.WEB_CONCURRENCY} worker processes alone.",
            hint="Set REDIS_URL to count across all of them, RATE_LIMIT=off and RATE_LIMIT_ANONYMOUS=off "
            "to count nothing, or WEB_CONCURRENCY=1.",
            id="api.I001",
        )
    ]
