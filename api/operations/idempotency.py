"""Safe retries: a POST with an `Idempotency-Key` writes once, however often it is sent.

The response is stored in the transaction of the write itself, so that neither exists without the other.
"""

import hashlib
import re
from datetime import timedelta
from typing import Any, Self

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from api.models import StoredResponse
from api.problems.problem import Problem, invalid
from api.problems.types import IDEMPOTENCY_KEY_REUSED, REQUEST_IN_PROGRESS

STORED_FOR = timedelta(hours=24)

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")


class Retry:
    """A request that may be a retry: an owner, their key, and a digest of the request."""

    def __init__(self, owner_id: int, key: str, fingerprint: bytes) -> None:
        self.owner_id, self.key, self.fingerprint = owner_id, key, fingerprint
        self.responses = StoredResponse.objects.filter(owner_id=owner_id, key=key)

    @classmethod
    def of(cls, request: HttpRequest, caller: Any) -> Self | None:
        """Return what a POST with an Idempotency-Key may repeat, or None. Raises a 422 problem."""
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if header is None or request.method != "POST" or not hasattr(caller, "owner_id"):
            return None
        text = request.get_full_path().encode() + b"\0" + request.body
        return cls(caller.owner_id, read_key(header), hashlib.sha256(text).digest())

    def stored(self) -> HttpResponse | None:
        """Return the first response to the same request; hold the key until the transaction ends.

        Raises a problem: 422 if the key was used for another request, 409 while the first is still running.
        """
        claim(self.owner_id, self.key)
        stored = self.responses.first()
        if stored is None or stored.created_at <= timezone.now() - STORED_FOR:
            return None
        if bytes(stored.fingerprint) != self.fingerprint:
            detail = "This Idempotency-Key was used for another request; use a new key for each new request."
            raise Problem(IDEMPOTENCY_KEY_REUSED, detail)
        headers = {**stored.headers, "Idempotent-Replayed": "true"}
        return HttpResponse(bytes(stored.body), status=stored.status, headers=headers)

    def store(self, response: HttpResponseBase) -> None:
        """Store a success; delete some of the owner's that have expired. Raises Problem for a stream."""
        if not isinstance(response, HttpResponse):
            detail = "must be left out: this operation responds with a stream, which is not stored"
            raise invalid({"header": "Idempotency-Key", "detail": detail, "code": "response_is_a_stream"})
        if "Idempotent-Replayed" in response:
            return
        self.responses.delete()  # one that has expired
        StoredResponse.objects.create(
            owner_id=self.owner_id,
            key=self.key,
            fingerprint=self.fingerprint,
            status=response.status_code,
            headers=dict(response.items()),
            body=response.content,
        )
        mine = StoredResponse.objects.filter(owner_id=self.owner_id)
        expired = mine.filter(created_at__lt=timezone.now() - STORED_FOR).values_list("key", flat=True)[:100]
        if keys := list(expired):
            mine.filter(key__in=keys).delete()


def read_key(header: str) -> str:
    """Return the key of a header, in the draft's quoted form or Stripe's bare one. Raises a 422 problem."""
    quoted = len(header) > 1 and header[0] == header[-1] == '"'
    key = re.sub(r"\\([\\\"])", r"\1", header[1:-1]) if quoted else header
    if not _VISIBLE.fullmatch(key):
        detail = "must be 1 to 255 visible ASCII characters"
        raise invalid({"header": "Idempotency-Key", "detail": detail, "code": "no_idempotency_key"})
    return key


def claim(owner: int, key: str) -> None:
    """Hold the key until the transaction ends. Raises a 409 problem while another request holds it.

    On SQLite the transaction has waited for the one write lock already.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(owner, key)])
        held = cursor.fetchone()[0]
    if not held:
        detail = "A request with this Idempotency-Key is still running; send it again in a moment."
        raise Problem(REQUEST_IN_PROGRESS, detail, headers={"Retry-After": "1"})


def lock_number(owner: int, key: str) -> int:
    """Return the advisory lock of an owner's key, a signed number of 64 bits."""
    digest = hashlib.sha256(f"{owner} {key}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def forget_expired(batch: int = 1_000) -> int:
    """Delete what was stored more than 24 hours ago, in batches; return the number."""
    total = 0
    while True:
        expired = StoredResponse.objects.filter(created_at__lt=timezone.now() - STORED_FOR)
        pairs = list(expired.values_list("owner_id", "key")[:batch])
        if not pairs:
            return total
        total += expired.filter(pk__in=pairs).delete()[0]
