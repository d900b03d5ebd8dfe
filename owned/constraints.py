"""Invariants that live in the database, and speak of the field that breaks them."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models


class FieldCheck(models.CheckConstraint):
    """A check constraint whose error stands at one field, in forms, in the admin and in the API alike."""

    def __init__(self, *, field: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.field = field

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Iterable[str] | None = None,
        using: str = "default",
    ) -> None:
        try:
            super().validate(model, instance, exclude=exclude, using=using)  # type: ignore[arg-type]
        except ValidationError as error:
            raise ValidationError({self.field: error}) from None

    @classmethod
    def violated_by(cls, error: IntegrityError) -> "FieldCheck | None":
        """Return the constraint that the database says was broken."""
        diagnosis = getattr(error.__cause__, "diag", None)  # PostgreSQL's; SQLite has only its message
        name = (
            diagnosis.constraint_name if diagnosis else str(error).removeprefix("CHECK constraint failed: ")
        )
        checks = (c for model in apps.get_models() for c in model._meta.constraints if isinstance(c, cls))
        return next((check for check in checks if check.name == name), None)
