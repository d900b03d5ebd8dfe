"""Owned models that use what Django offers: each of it works here as its documentation says."""

import base64
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from owned.models import OwnedModel
from owned.querysets import OwnedManager, OwnedQuerySet


class SecretField(models.TextField):  # type: ignore[type-arg]
    """Text that the database never sees as it is."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return None if value is None else base64.b64encode(str(value).encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else base64.b64decode(value).decode()


class ShoutedField(models.CharField):  # type: ignore[type-arg]
    """Text that is in capitals once it is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = str(getattr(model_instance, self.attname)).upper()
        setattr(model_instance, self.attname, value)
        return value


class Thing(OwnedModel):
    """A thing that may be part of another."""

    name = models.CharField(max_length=100)
    secret = SecretField(default="")
    shouted = ShoutedField(max_length=100, default="")
    made_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)
    number = models.IntegerField(default=0)
    small = models.PositiveSmallIntegerField(null=True)
    level = models.IntegerField(db_default=3)
    double = models.GeneratedField(
        expression=models.F("number") * 2, output_field=models.IntegerField(), db_persist=True
    )
    whole = models.ForeignKey("self", models.SET_NULL, null=True)
    friends = models.ManyToManyField("self")

    label = "name"

    class Meta:
        app_label = "things"


class Part(OwnedModel):
    """What goes with a thing."""

    thing = models.ForeignKey(Thing, models.CASCADE, related_name="parts")
    name = models.CharField(max_length=100)
    saves: ClassVar[list[str]] = []

    label = "name"

    class Meta:
        app_label = "things"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name = self.name.strip()
        self.saves.append(self.name)
        super().save(*args, **kwargs)


class Everything(OwnedModel):
    """A field of each type."""

    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    text = models.TextField(null=True)  # noqa: DJ001
    date = models.DateField(null=True)
    datetime = models.DateTimeField(null=True)
    time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    decimal = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    real = models.FloatField(null=True)
    big = models.BigIntegerField(null=True)
    address = models.GenericIPAddressField(null=True)
    structure = models.JSONField(null=True)
    uuid = models.UUIDField(null=True)
    file = models.FileField(null=True)
    secret = SecretField(null=True)
    choice = models.CharField(max_length=1, choices=[("a", "Alpha")], null=True)  # noqa: DJ001

    class Meta:
        app_label = "things"


class CurrentManager(OwnedManager["Notice"]):
    """Hides what has expired."""

    def get_queryset(self) -> OwnedQuerySet["Notice"]:
        rows: OwnedQuerySet[Notice] = super().get_queryset().filter(until__gt=timezone.now())
        return rows


class Notice(OwnedModel):
    """Something that expires."""

    until = models.DateTimeField()

    objects: ClassVar[CurrentManager] = CurrentManager()

    class Meta:
        app_label = "things"
