"""What every owned resource is made of."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from api.ids import ID_LENGTH, random_id
from api.owned import OwnedManager


class OwnedModel(models.Model):
    """An object of one user's, with a random id, times, and a version that each change raises by one."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=random_id, editable=False, verbose_name="ID"
    )
    # The indexes of a resource begin with the owner, so the foreign key needs none of its own.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects: ClassVar[OwnedManager[Self]] = OwnedManager()

    label: ClassVar[str] = "id"
    """The field that tells a row to people, in the admin and its log."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(getattr(self, self.label))

    def save(self, *args: Any, update_fields: Any = None, **kwargs: Any) -> None:
        """Write the row; a change raises the version and the time of the last change."""
        if self._state.adding:
            self.updated_at = self.created_at
        else:
            self.version += 1
            self.updated_at = timezone.now()
            if update_fields is not None:
                update_fields = {*update_fields, "version", "updated_at"}
        super().save(*args, update_fields=update_fields, **kwargs)


class KeptAnswer(models.Model):
    """The answer to a POST with an `Idempotency-Key`, for whoever sends it again."""

    pk = models.CompositePrimaryKey("owner_id", "key")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of the request's path and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["owner", "created_at"], name="%(class)s_created_at")]

    def __str__(self) -> str:
        return self.key


class KeptUpload(models.Model):
    """A file that somebody has looked at, and not yet said yes to; the next one takes its place."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    token = models.CharField(max_length=ID_LENGTH, default=random_id)
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.token


class TakenBackup(models.Model):
    """A note that a backup was written to its end, by which `manage.py check` knows; in no backup itself."""

    taken_at = models.DateTimeField()
    rows = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.rows:,} rows at {self.taken_at:%Y-%m-%d %H:%M}"


def owned_indexes(*sort_keys: str) -> list[models.Index]:
    """Return the indexes of the admin, and of one owner's list sorted by a time or one of the keys."""
    keys = ("created_at", "updated_at", *sort_keys)
    return [
        *(models.Index(fields=["owner", key, "id"], name=f"%(class)s_{key}") for key in keys),
        models.Index(fields=["created_at", "id"], name="%(class)s_admin"),
    ]
