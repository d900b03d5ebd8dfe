"""The API's authentication: who is behind an `X-API-Key`."""

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
from owned.compiled import Compiled, Parameter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """A key, and the user it acts for, as they were when the request came in."""

    key_id: int
    owner_id: int
    username: str
    name: str
    prefix: str
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    COLUMNS = (
        "id",
        "user_id",
        "user__username",
        "name",
        "prefix",
        "read_only",
        "created_at",
        "expires_at",
        "last_used_at",
    )


VALID_KEY = Compiled(
    lambda: (
        ApiKey.objects.valid(Parameter("now", DateTimeField()))
        .filter(digest=Parameter("digest", BinaryField()))
        .order_by()
        .values_list(*KeyCaller.COLUMNS)
    )
)


class ApiKeyAuth(APIKeyHeader):
    """Requires a valid key in `X-API-Key`."""

    param_name = "X-API-Key"
    openapi_description = "A key of yours, made on the page `/keys/`."

    def _get_key(self, request: HttpRequest) -> str | None:
        """Read the one header; ninja would make Django's mapping of all of them first."""
        return request.META.get("HTTP_X_API_KEY")

    def authenticate(self, request: HttpRequest, key: str | None) -> KeyCaller | None:
        """Return who is calling, or None; in one query, and in none where the checksum is off."""
        if key is None or not is_well_formed(key):
            return None
        rows = VALID_KEY.first_rows(digest=digest_of(key), now=timezone.now())
        if not rows:
            return None
        caller = KeyCaller(*rows[0])
        note_use(caller)
        return caller


def note_use(caller: KeyCaller) -> None:
    """Keep `last_used_at` to within ten minutes; a failure to do so is no reason to refuse the request."""
    if caller.last_used_at and caller.last_used_at > timezone.now() - LAST_USED_PRECISION:
        return
    try:
        ApiKey.objects.filter(pk=caller.key_id).touch()
    except DatabaseError:
        logger.warning("the last use of key %s could not be noted", caller.prefix, exc_info=True)
