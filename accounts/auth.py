"""Authentication of API requests by the `X-API-Key` header."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError
from django.db.models import BinaryField, DateTimeField
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyHeader

from accounts.keys import digest_of, is_well_formed
from accounts.models import LAST_USED_PRECISION, ApiKey
from api.limits import admit
from owned.compiled import Compiled, Parameter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """An API key and its user, as they were when the request arrived."""

    key_id: int
    owner_id: int
    username: str
    name: str
    prefix: str
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def __str__(self) -> str:
        return self.prefix  # ninja's AuthRateThrottle counts by it


KEY_FIELDS = ("name", "prefix", "read_only", "created_at", "expires_at", "last_used_at")
VALID_KEY = Compiled(
    lambda: (
        ApiKey.objects.valid(Parameter("now", DateTimeField()))
        .filter(digest=Parameter("digest", BinaryField()))
        .order_by()
        .values_list("id", "user_id", "user__username", *KEY_FIELDS)
    ),
    one=True,
)


class ApiKeyAuth(APIKeyHeader):
    """Requires a valid API key in the `X-API-Key` header, and counts its requests."""

    param_name = "X-API-Key"
    openapi_description = "Your API key. Create one under Keys (`/keys/`)."

    def __call__(self, request: HttpRequest) -> KeyCaller | None:
        """Return the caller, or None. Raises a 429 problem for a caller over the limit."""
        caller = self.authenticate(request, request.META.get("HTTP_X_API_KEY"))
        if caller is not None:
            admit(request, caller)
        return caller

    def authenticate(self, request: HttpRequest, key: str | None) -> KeyCaller | None:
        """Return the caller, or None if the key is invalid. A wrong checksum costs no query."""
        if key is None or not is_well_formed(key):
            return None
        now = timezone.now()
        rows = VALID_KEY.rows(digest=digest_of(key), now=now)
        if not rows:
            return None
        caller = KeyCaller(*rows[0])
        if caller.last_used_at is None or caller.last_used_at < now - LAST_USED_PRECISION:
            note_use(caller)
        return caller


def note_use(caller: KeyCaller) -> None:
    """Update `last_used_at`. A failure is logged, and the request continues."""
    try:
        ApiKey.objects.filter(pk=caller.key_id).touch()
    except DatabaseError:
        logger.warning("Could not update last_used_at of API key %s", caller.prefix, exc_info=True)
