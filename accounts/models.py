"""Users and their API keys."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.utils import timezone

from accounts.keys import PREFIX_LENGTH, digest_of, new_key

LAST_USED_PRECISION = timedelta(minutes=10)
EXPIRES_SOON = timedelta(days=14)
LONG_UNUSED = timedelta(days=90)


class User(AbstractUser):
    """A user of the service.

    On the pages, a user is the caller (`api.requests.Caller`). Under `/api`, an API key is.
    """

    prefix = ""
    read_only = False

    @property
    def owner_id(self) -> int:
        """The id of the user whose objects the caller can access."""
        return self.pk


def expires_soon() -> Q:
    """Return a condition for keys that expire within 14 days or have expired."""
    return Q(expires_at__lte=timezone.now() + EXPIRES_SOON)


def long_unused() -> Q:
    """Return a condition for keys that are at least 90 days old and unused for 90 days."""
    since = timezone.now() - LONG_UNUSED
    return Q(last_used_at__lt=since) | Q(last_used_at__isnull=True, created_at__lt=since)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """A queryset of API keys, filtered by owner and status."""

    def owned_by(self, user: User) -> Self:
        """Return the keys of one user."""
        return self.filter(user=user)

    def valid(self, now: datetime | Combinable | None = None) -> Self:
        """Return the keys that authenticate a request now, or at the time `now`."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now or timezone.now()),
            revoked_at__isnull=True,
            user__is_active=True,
        )

    def closed(self) -> Self:
        """Return the keys that were revoked or have expired."""
        return self.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now()))

    def expiring(self) -> Self:
        """Return the valid keys that expire within 14 days."""
        return self.valid().filter(expires_soon())

    def unused(self) -> Self:
        """Return the valid keys that have been unused for 90 days."""
        return self.valid().filter(long_unused())

    def marked(self) -> Self:
        """Annotate each key with `expiring` and `unused`. Both are meaningful for valid keys only."""
        return self.annotate(expiring=expires_soon(), unused=long_unused())

    def revoke(self) -> int:
        """Revoke the keys with immediate effect. Returns how many were not revoked before."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())

    def touch(self) -> None:
        """Set `last_used_at` to now, unless it is less than ten minutes old."""
        now = timezone.now()
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_PRECISION)
        self.filter(stale).update(last_used_at=now)


class ApiKey(models.Model):
    """A key that lets a client act as a user. Only a digest is stored; the key is shown once, on creation."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, default="default", help_text="What this key is used for.")
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)
    digest = models.BinaryField(max_length=32, unique=True)
    read_only = models.BooleanField(default=False, help_text="Allow read requests only.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="UTC. Leave empty for no expiry.")
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[models.Manager["ApiKey"]] = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def expired(self) -> bool:
        """Whether the expiry has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def clean(self) -> None:
        """Reject a new key that has already expired."""
        if self._state.adding and self.expired:
            raise ValidationError({"expires_at": ValidationError("must be in the future", code="past")})

    @classmethod
    def issue(cls, user: User, **fields: object) -> tuple["ApiKey", str]:
        """Create a key for the user. Returns the record and the key, which cannot be recovered later.

        Raises ValidationError if a field is invalid.
        """
        key = new_key()
        record = cls(user=user, prefix=key[:PREFIX_LENGTH], digest=digest_of(key), **fields)
        record.full_clean()
        record.save()
        return record, key

    def rotate(self, grace: timedelta) -> tuple["ApiKey", str]:
        """Issue a replacement with the same name, permissions and lifetime. Returns what `issue` returns.

        The old key keeps working for the grace period, but not past its own expiry. Without a grace period
        it is revoked. The caller must hold a lock on the row.
        """
        now = timezone.now()
        end = self.expires_at
        new_end = end and now + (end - self.created_at)
        issued = ApiKey.issue(self.user, name=self.name, read_only=self.read_only, expires_at=new_end)
        if grace:
            self.expires_at = min(end or now + grace, now + grace)
        else:
            self.revoked_at = now
        self.save(update_fields=["expires_at", "revoked_at"])
        return issued
