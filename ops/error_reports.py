"""Reports of exceptions and logged errors to Sentry, or to a server with the same protocol."""

from typing import TYPE_CHECKING, Any

import orjson
from django.core.exceptions import ImproperlyConfigured

from ops.logs import KEY
from ops.middleware.requests import current_request_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event


def report_errors(dsn: str, version: str) -> None:
    """Start reporting if there is a DSN. Errors do not repeat the DSN."""
    if not dsn:
        return
    try:
        import sentry_sdk
        from sentry_sdk.integrations.django import DjangoIntegration
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but the package sentry-sdk is missing; install requirements.lock."
        ) from None
    try:
        sentry_sdk.init(
            dsn,
            release=f"goatfish@{version}",
            integrations=[DjangoIntegration(middleware_spans=False)],
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            before_send=without_secrets,
            # Requests and variables may hold keys, passwords and private data.
            send_default_pii=False,
            max_request_body_size="never",
            include_local_variables=False,
            max_breadcrumbs=0,
        )
    except ValueError:
        raise ImproperlyConfigured("SENTRY_DSN is invalid; it must be https://KEY@HOST/PROJECT.") from None


def without_secrets(event: "Event", hint: dict[str, Any]) -> "Event":
    """Keep of a request only its id, method and path: no header, query, cookie or key."""
    request = event.get("request", {})
    event["request"] = {name: request[name] for name in ("method", "url") if name in request}
    event["tags"] = {**dict(event.get("tags", {})), "request_id": current_request_id.get()}
    for name in ("user", "extra"):
        event.pop(name, None)  # type: ignore[misc]
    sent: Event = orjson.loads(KEY.sub("gf_…", orjson.dumps(event, default=str).decode()))
    return sent
