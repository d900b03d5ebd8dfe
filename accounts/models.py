"""Users, and the API keys that act for them."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.utils import timezone

from accounts.keys import PREFIX_LENGTH, digest_of, new_key

LAST_USED_PRECISION = timedelta(minutes=10)


class User(AbstractUser):
    """Somebody who owns simulations, or looks after the service."""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """API keys, seen as who may use them now."""

    def valid(self, now: datetime | Combinable | None = None) -> Self:
        """Keep the keys that open the API at this moment, or at another."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now or timezone.now()),
            revoked_at__isnull=True,
            user__is_active=True,
        )

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
