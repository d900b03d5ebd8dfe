"""What every owned resource is made of."""

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from api.ids import ID_LENGTH, ID_PATTERN, random_id
from api.preconditions import IfMatch
from api.requests import Caller

OwnedT = TypeVar("OwnedT", bound="OwnedModel")


class OwnedQuerySet(models.QuerySet[OwnedT], Generic[OwnedT]):
    """Rows that belong to somebody. `owned_by` is the one place where ownership is decided."""

    def owned_by(self, caller: Caller) -> Self:
        """Keep what the caller owns; the rest does not exist for them."""
        return self.filter(owner_id=caller.owner_id)

    def find(self, id: str) -> OwnedT:
        """Return one row. Raises DoesNotExist, without a query for what cannot be an id."""
        if not ID_PATTERN.fullmatch(id):
            raise self.model.DoesNotExist
        return self.get(pk=id)

    def change(self, id: str, values: Mapping[str, Any], if_match: IfMatch | None = None) -> OwnedT:
        """Set fields of one row and return it; without values it stays untouched, its version too.

        Raises DoesNotExist, a 412 problem, and IntegrityError where the result would break a constraint.
        """
        with transaction.atomic(using=self.db):
            row = self._hold(id, if_match)
            if values:
                for name, value in values.items():
                    setattr(row, name, value)
                row.save(force_update=True, update_fields=values)
        return row

    def remove(self, id: str, if_match: IfMatch | None = None) -> OwnedT:
        """Delete one row and return it as it was. Raises DoesNotExist and a 412 problem."""
        with transaction.atomic(using=self.db):
            row = self._hold(id, if_match)
            self.filter(pk=id).delete()
        return row

    def _hold(self, id: str, if_match: IfMatch | None) -> OwnedT:
        """Return one row, which nobody else can change before the transaction ends."""
        row = self.select_for_update().find(id)
        if if_match is not None:
            if_match.check(row.version)
        return row


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

    objects: ClassVar[models.Manager[Any]] = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True

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


def sort_indexes(*fields: str) -> list[models.Index]:
    """Return the indexes that serve one owner's list sorted by each of the fields, ties broken by id."""
    return [models.Index(fields=["owner", name, "id"], name=f"%(class)s_{name}") for name in fields]
