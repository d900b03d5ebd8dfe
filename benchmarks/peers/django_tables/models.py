"""The models, written as Django's documentation writes them."""

import hashlib

import shortuuid
from django.db import models
from django.db.models import Q
from django.utils import timezone


def random_id() -> str:
    """Return a new id."""
    return shortuuid.random(20)


class User(models.Model):
    """A user who owns simulations."""

    id = models.BigAutoField(primary_key=True)
    username = models.CharField(max_length=150, unique=True)
    is_active = models.BooleanField(default=True)

    is_authenticated = True

    class Meta:
        managed = False
        db_table = "accounts_user"


class ApiKeyManager(models.Manager["ApiKey"]):
    """API keys."""

    def valid(self, key: str) -> "ApiKey | None":
        """Return the record of a valid key with its user, in one query."""
        digest = hashlib.sha256(key.encode()).digest()
        return (
            self.select_related("user")
            .filter(
                Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
                digest=digest,
                revoked_at__isnull=True,
                user__is_active=True,
            )
            .first()
        )


class ApiKey(models.Model):
    """An API key of a user."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    digest = models.BinaryField(max_length=32, unique=True)
    read_only = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyManager()

    class Meta:
        managed = False
        db_table = "accounts_apikey"


class Simulation(models.Model):
    """A simulation."""

    id = models.CharField(primary_key=True, max_length=20, default=random_id, editable=False)
    owner = models.ForeignKey(User, models.CASCADE)
    name = models.CharField(max_length=300)
    start_date = models.DateField()
    end_date = models.DateField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        managed = False
        db_table = "simulations_simulation"

    def change(self, **values: object) -> None:
        """Set fields, and update the version and `updated_at`."""
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1
        self.updated_at = timezone.now()
        self.save(update_fields=[*values, "version", "updated_at"])
