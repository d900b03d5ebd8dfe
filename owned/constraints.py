"""The indexes of owned models, and constraints whose errors name a field."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models
from django.db.models import ProtectedError, RestrictedError


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


def owned_indexes(*sort_keys: str) -> list[models.Index]:
    """Return the indexes of one owner's list, sorted by a time or one of the keys, and of the admin."""
    keys = ("created_at", "updated_at", *sort_keys)
    return [
        *(models.Index(fields=["owner", key, "id"], name=f"%(class)s_{key}") for key in keys),
        models.Index(fields=["created_at", "id"], name="%(class)s_admin"),
        models.Index(fields=["changed_request", "updated_at"], name="%(class)s_request"),
        models.Index(fields=["changed_by", "updated_at"], name="%(class)s_user"),
    ]


class Violation(NamedTuple):
    """What a write broke, in the words of the API's fields."""

    field: str
    message: str
    code: str
    unique: bool = False


def violated_by(error: IntegrityError) -> Violation | None:
    """Return what the database says was broken; None for what no client can fix.

    The database's own message is never repeated: it holds values.
    """
    if isinstance(error, ProtectedError | RestrictedError):
        return Violation("", "Other objects refer to this object.", "protected", unique=True)
    text = str(error.__cause__ or error)
    if found := _check(error, text):
        code = found.violation_error_code or "invalid"  # as Django's form errors have
        return Violation(getattr(found, "field", ""), str(found.get_violation_error_message()), code)
    columns = _columns(error, text)
    if getattr(error.__cause__, "sqlstate", "") == "23505" or text.startswith("UNIQUE constraint failed"):
        names = " and ".join(name.removesuffix("_id") for name in columns if name != "owner_id")
        message = f"Another object already has the same {names or 'values'}."
        return Violation(columns[-1] if columns else "", message, "unique", unique=True)
    if getattr(error.__cause__, "sqlstate", "") == "23503" or text.startswith(
        "FOREIGN KEY constraint failed"
    ):
        return Violation(columns[0] if columns else "", "does not exist", "unknown_id")
    return None


def _check(error: IntegrityError, text: str) -> models.CheckConstraint | None:
    diagnosis = getattr(error.__cause__, "diag", None)  # PostgreSQL's; SQLite has only its message
    name = diagnosis.constraint_name if diagnosis else text.removeprefix("CHECK constraint failed: ")
    constraints = (each for model in apps.get_models() for each in model._meta.constraints)
    return next((c for c in constraints if isinstance(c, models.CheckConstraint) and c.name == name), None)


def _columns(error: IntegrityError, text: str) -> list[str]:
    """Return the columns that the database names: `Key (a, b)=(…)` on PostgreSQL, `t.a, t.b` on SQLite."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is not None:
        match = re.match(r"Key \(([\w, ]+)\)=", diagnosis.message_detail or "")
        return match[1].split(", ") if match else []
    return re.findall(r"\w+\.(\w+)", text.partition("failed: ")[2])
