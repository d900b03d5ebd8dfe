"""Users, and the API keys that act for them."""

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
    """Somebody who owns simulations, or looks after the service.

    On the pages a user is the caller (`api.requests.Caller`), as a key is under `/api`.
    """

    prefix = ""
    read_only = False

    @property
    def owner_id(self) -> int:
        """The user whose objects the caller sees."""
        return self.pk


def expires_soon() -> Q:
    """Return what holds of a key that expires within 14 days, or has expired."""
    return Q(expires_at__lte=timezone.now() + EXPIRES_SOON)


def long_unused() -> Q:
    """Return what holds of a key that nobody used for 90 days, and that is as old as that."""
    since = timezone.now() - LONG_UNUSED
    return Q(last_used_at__lt=since) | Q(last_used_at__isnull=True, created_at__lt=since)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """API keys, seen as who may use them now."""

    def owned_by(self, user: User) -> Self:
        """Keep the keys of one user; to them, there are no others."""
        return self.filter(user=user)

    def valid(self, now: datetime | Combinable | None = None) -> Self:
        """Keep the keys that open the API at this moment, or at another."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now or timezone.now()),
            revoked_at__isnull=True,
            user__is_active=True,
        )

    def closed(self) -> Self:
        """Keep the keys that were revoked or have expired."""
        return self.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now()))

    def expiring(self) -> Self:
        """Keep the valid keys that expire within 14 days."""
        return self.valid().filter(expires_soon())

    def unused(self) -> Self:
        """Keep the valid keys that nobody used for 90 days."""
        return self.valid().filter(long_unused())

    def marked(self) -> Self:
        """Note on each key whether it is `expiring` or `unused`; of a valid one that is true or false."""
        return self.annotate(expiring=expires_soon(), unused=long_unused())

    def revoke(self) -> int:
        """Refuse these keys from the next request on; returns how many were still open."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())

    def touch(self) -> None:
        """Note that these keys were used, unless that was noted within the last ten minutes."""
        now = timezone.now()
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_PRECISION)
        self.filter(stale).update(last_used_at=now)


class ApiKey(models.Model):
    """The right to act as a user. The key itself is shown once, when it is made; here is its digest."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, default="default", help_text="What the key is for.")
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)
    digest = models.BinaryField(max_length=32, unique=True)
    read_only = models.BooleanField(default=False, help_text="The key may read but not write.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="In UTC; empty: never.")
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
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def clean(self) -> None:
        """Refuse a new key that would never work."""
        if self._state.adding and self.expired:
            raise ValidationError({"expires_at": ValidationError("must be in the future", code="past")})

    @classmethod
    def issue(cls, user: User, **fields: object) -> tuple["ApiKey", str]:
        """Make a key for the user; returns its record and the key, which cannot be had again.

        Raises ValidationError for a field that does not fit.
        """
        key = new_key()
        record = cls(user=user, prefix=key[:PREFIX_LENGTH], digest=digest_of(key), **fields)
        record.full_clean()
        record.save()
        return record, key

    def rotate(self, grace: timedelta) -> tuple["ApiKey", str]:
        """Issue a key with the same name, rights and length of life; returns what `issue` does.

        This one stays valid for the grace, though never beyond its own expiry; without a grace it is revoked.
        The caller has locked the row, in a transaction.
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
