"""What every owned resource is made of."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from owned.ids import ID_LENGTH, random_id
from owned.querysets import OwnedManager


class VersionConflict(Exception):
    pass


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

    objects = OwnedManager()

    label: ClassVar[str] = "id"
    """The field that tells a row to people, in the admin and its log."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(getattr(self, self.label))

    def change(self, **values: Any) -> Self:
        if values:
            for name, value in values.items():
                setattr(self, name, value)
            self.save()
        return self

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


def owned_indexes(*sort_keys: str) -> list[models.Index]:
    """Return the indexes of the admin, and of one owner's list sorted by a time or one of the keys."""
    keys = ("created_at", "updated_at", *sort_keys)
    return [
        *(models.Index(fields=["owner", key, "id"], name=f"%(class)s_{key}") for key in keys),
        models.Index(fields=["created_at", "id"], name="%(class)s_admin"),
    ]
