"""A resource with every kind of model field, to test that features documented by Django work here."""

from typing import Any

from django.db import models
from django.db.models import F

from owned.models import OwnedModel, owned_indexes


class ReversedField(models.CharField):  # type: ignore[type-arg]
    """Like an encrypted field, it stores another value than the attribute's."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(value[::-1], connection)

    def from_db_value(self, value: str, *args: Any) -> str:
        return value[::-1]


class CountedField(models.IntegerField):  # type: ignore[type-arg]
    """Sets itself before each save."""

    saves = 0

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        type(self).saves += 1
        setattr(model_instance, self.attname, type(self).saves)
        return type(self).saves


class Label(models.Model):
    """An object without an owner."""

    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.name


class Place(OwnedModel):
    """The target of a sample's foreign key."""

    name = models.CharField(max_length=20)

    label = "name"

    class Meta:
        indexes = owned_indexes("name")


class Sample(OwnedModel):
    """A resource."""

    name = models.CharField(max_length=20)
    code = models.CharField(max_length=20, null=True)  # noqa: DJ001 (null is no code)
    number = models.IntegerField(default=0)
    small = models.SmallIntegerField(default=0)
    price = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    data = models.JSONField(default=dict)
    secret = models.CharField(max_length=20, default="secret")
    hidden = ReversedField(max_length=20, default="abc")
    place = models.ForeignKey(Place, models.PROTECT, null=True, db_index=False, related_name="+")
    labels = models.ManyToManyField(Label)
    document = models.FileField()
    first_saved = models.DateTimeField(auto_now_add=True)
    last_saved = models.DateTimeField(auto_now=True)
    save_number = CountedField(default=0)
    level = models.IntegerField(db_default=7)
    double = models.GeneratedField(
        expression=F("number") * 2, output_field=models.BigIntegerField(), db_persist=True
    )

    label = "name"

    class Meta:
        indexes = owned_indexes("name")
        constraints = [
            models.UniqueConstraint(fields=["owner", "code"], name="sample_code"),
            models.CheckConstraint(
                condition=~models.Q(name=F("code")),
                name="sample_name_is_no_code",
                violation_error_message="The name must differ from the code.",
            ),
        ]
