"""Safe retries: a POST with an `Idempotency-Key` writes once, however often it is sent.

The answer is kept in the transaction of the write itself, so that neither is ever there without the other.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from api.models import KeptAnswer
from api.problems.problem import Problem, invalid
from api.problems.types import IDEMPOTENCY_KEY_REUSED, REQUEST_IN_PROGRESS
from api.requests import ApiRequest

KEPT_FOR = timedelta(hours=24)
KEPT_HEADERS = ("Content-Type", "ETag", "Location")

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")


def once(request: ApiRequest, header: str, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Return the answer of `act`, or the one it gave when the same request came before with this key.

    Raises a problem: 422 for a header that holds no key, or a key that another request was sent with; 409
    while the first request is still running.
    """
    owner, key = request.auth.owner_id, read_key(header)
    fingerprint = hashlib.sha256(request.path.encode() + b"\0" + request.body).digest()
    kept = KeptAnswer.objects.filter(owner_id=owner, key=key)
    with transaction.atomic():
        claim(owner, key)
        answer = kept.first()
        if answer and answer.created_at > timezone.now() - KEPT_FOR:
            return replay(answer, fingerprint)
        response = act()
        if isinstance(response, HttpResponse) and 200 <= response.status_code < 300:
            kept.delete()  # one that has expired
            keep(KeptAnswer(owner_id=owner, key=key, fingerprint=fingerprint), response)
        return response


def read_key(header: str) -> str:
    """Return the key of a header in the draft's quoted form or in Stripe's bare one. Raises a 422 problem."""
    quoted = len(header) > 1 and header[0] == header[-1] == '"'
    key = re.sub(r"\\([\\\"])", r"\1", header[1:-1]) if quoted else header
    if not _VISIBLE.fullmatch(key):
        detail = "must be 1 to 255 visible ASCII characters"
        raise invalid({"header": "Idempotency-Key", "detail": detail, "code": "no_idempotency_key"})
    return key


def claim(owner: int, key: str) -> None:
    """Hold the key to the end of the transaction. Raises a 409 problem while another request holds it.

    On SQLite the transaction holds the one write lock already, and waits for it instead.
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


def replay(answer: KeptAnswer, fingerprint: bytes) -> HttpResponse:
    """Return a kept answer. Raises a 422 problem when it answered another request."""
    if bytes(answer.fingerprint) != fingerprint:
        detail = "This Idempotency-Key was used for another path or body; a new request takes a new key."
        raise Problem(IDEMPOTENCY_KEY_REUSED, detail)
    headers = {**answer.headers, "Idempotent-Replayed": "true"}
    return HttpResponse(bytes(answer.body), status=answer.status, headers=headers)


def keep(answer: KeptAnswer, response: HttpResponse) -> None:
    """Keep an answer, and forget some of the same owner's that have expired."""
    answer.status, answer.body = response.status_code, response.content
    answer.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    answer.save(force_insert=True)
    mine = KeptAnswer.objects.filter(owner_id=answer.owner_id)
    expired = mine.filter(created_at__lt=timezone.now() - KEPT_FOR).values_list("key", flat=True)[:100]
    if keys := list(expired):
        mine.filter(key__in=keys).delete()


def forget_expired(batch: int = 1_000) -> int:
    """Delete what was kept longer than 24 hours, a batch at a time; returns how many there were."""
    total = 0
    while True:
        expired = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
        pairs = list(expired.values_list("owner_id", "key")[:batch])
        if not pairs:
            return total
        total += expired.filter(pk__in=pairs).delete()[0]
