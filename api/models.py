"""What the API stores between requests."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from owned.ids import ID_LENGTH, random_id


class StoredResponse(models.Model):
    """The response to a POST with an `Idempotency-Key`, for its retries."""

    pk = models.CompositePrimaryKey("owner_id", "key")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of the request's path, query and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["owner", "created_at"], name="%(class)s_created_at")]

    def __str__(self) -> str:
        return self.key


class PendingUpload(models.Model):
    """A file whose preview a user has seen and not yet confirmed; the next upload replaces it."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    token = models.CharField(max_length=ID_LENGTH, default=random_id)
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.token
