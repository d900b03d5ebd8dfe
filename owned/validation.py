"""What a row must not hold, checked before it is written: integers and keys that no constraint refuses."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models

from owned.versions import Stamped


@cache
def integer_fields(model: type[models.Model]) -> tuple["models.Field[Any, Any]", ...]:
    """Return the fields whose values the driver would wrap around where they do not fit."""
    fields = model._meta.concrete_fields
    return tuple(f for f in fields if isinstance(f, models.IntegerField) and f.name != "version")


@cache
def owned_keys(model: type[models.Model]) -> tuple["models.ForeignKey[Any, Any]", ...]:
    """Return the foreign keys to owned objects, which must have the same owner."""
    keys = (f for f in model._meta.concrete_fields if isinstance(f, models.ForeignKey))
    return tuple(key for key in keys if issubclass(key.related_model, Stamped))


@cache
def compared(model: type[models.Model]) -> tuple[str, ...]:
    """Return the attributes that `save()` compares with what it loaded."""
    return "id", "owner_id", "version", *(key.attname for key in owned_keys(model))


@cache
def checked(model: type[models.Model]) -> tuple[str, ...]:
    """Return the attributes that `check_values` looks at."""
    return tuple(field.attname for field in (*integer_fields(model), *owned_keys(model)))


@cache
def foreign_keys(model: type[models.Model]) -> dict[str, str]:
    """Return the attribute of each foreign key, which holds an id, by the name, which holds an object."""
    keys = (f for f in model._meta.concrete_fields if isinstance(f, models.ForeignKey))
    return {key.name: key.attname for key in keys}


def attributes(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of a model's attributes: an id given for a foreign key is not an object."""
    keys = foreign_keys(model)
    return {n if isinstance(v, models.Model) else keys.get(n, n): v for n, v in values.items()}


def new_row(model: type[models.Model], values: Mapping[str, Any]) -> models.Model:
    """Return an instance with these values; positional arguments take a third of the time of named ones."""
    keys = foreign_keys(model)
    given = {keys.get(n, n): v.pk if isinstance(v, models.Model) else v for n, v in values.items()}
    row = model(*(given.pop(name) if name in given else default() for name, default in _defaults(model)))
    if given:
        raise TypeError(f"{model.__name__} has no fields {', '.join(given)}")
    return row


@cache
def _defaults(model: type[models.Model]) -> list[tuple[str, Any]]:
    fields = model._meta.concrete_fields
    return [(f.attname, (lambda: models.DEFERRED) if f.generated else f.get_default) for f in fields]


def own_fields(model: type[models.Model], item: Any) -> dict[str, Any]:
    """Return the values of an object's attributes that are named as the fields that a resource adds."""
    return {name: getattr(item, name) for name in _added(model) if hasattr(item, name)}


@cache
def _added(model: type[models.Model]) -> list[str]:
    from owned.models import OwnedModel

    shared = {field.name for field in OwnedModel._meta.get_fields()}
    fields = [
        field for field in model._meta.concrete_fields if field.name not in shared and not field.generated
    ]
    return [name for field in fields for name in dict.fromkeys((field.name, field.attname))]


def check_values(
    model: type[models.Model], using: str, owner: Any, columns: Mapping[str, Iterable[Any]]
) -> None:
    """Check the values of some columns, which are named as the fields' attributes.

    Raises ValidationError: `out_of_range` for an integer that the column cannot hold, `unknown_id` for a key
    of an object that does not exist or that someone else owns.
    """
    errors = {}
    for field in integer_fields(model):
        low, high = connections[using].ops.integer_field_range(field.get_internal_type())
        values = given(columns.get(field.attname, ()))
        if not all(low <= field.get_prep_value(value) <= high for value in values):
            errors[field.name] = ValidationError(f"must be between {low} and {high}", code="out_of_range")
    for key in owned_keys(model):
        ids = set(map(key.target_field.to_python, given(columns.get(key.attname, ()))))
        if ids:
            target, name = key.related_model, key.target_field.attname
            mine: models.QuerySet[Any] = models.QuerySet(target, using=using).filter(
                owner_id=owner, **{f"{name}__in": ids}
            )
            if len(mine.values_list(name, flat=True)) < len(ids):
                errors[key.name] = ValidationError("is not the ID of one of your objects", code="unknown_id")
    if errors:
        raise ValidationError(errors)


def given(values: Iterable[Any]) -> list[Any]:
    """Return the values that are neither null nor computed by the database; of an object, its key."""
    keys = (value.pk if isinstance(value, models.Model) else value for value in values)
    return [key for key in keys if key is not None and not hasattr(key, "resolve_expression")]
