"""The compiled statements of one row."""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from django.db import models
from django.db.models import QuerySet

from owned.compiled import Compiled, CompiledInsert, CompiledUpdate, Parameter


def parameter(model: type[models.Model], name: str, called: str = "") -> Parameter:
    """Return a placeholder for a value of a field, called like the field or otherwise."""
    field: Any = model._meta.get_field(name)
    return Parameter(called or name, field)


def where(model: type[models.Model], *names: str) -> "QuerySet[Any, Any]":
    """Return the rows that have the values of these parameters, which are named as the fields."""
    return QuerySet(model).filter(**{name: parameter(model, name) for name in names})


@cache
def columns_of(model: type[models.Model]) -> list[str]:
    """Return the attributes of all columns, in their order."""
    return [field.attname for field in model._meta.concrete_fields]


@cache
def select_one(model: type[models.Model], *, lock: bool = False) -> Compiled:
    """Return the query of one row by its owner and id."""

    def build() -> "QuerySet[Any, Any]":
        rows = where(model, "owner", "id")
        return (rows.select_for_update() if lock else rows).values_list(*columns_of(model))

    return Compiled(build)


@lru_cache(maxsize=256)
def _update_one(model: type[models.Model], fields: "tuple[models.Field[Any, Any], ...]") -> CompiledUpdate:
    return CompiledUpdate(fields, lambda: where(model, "owner", "id", "version").values_list("id"))


@cache
def _insert_one(model: type[models.Model], fields: "tuple[models.Field[Any, Any], ...]") -> CompiledInsert:
    return CompiledInsert(fields, lambda: QuerySet(model).values_list("pk"))


def insert_one(
    model: type[models.Model], values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]"
) -> CompiledInsert | None:
    """Return the statement that creates one row, or None if it must be compiled anew."""
    return None if _is_special(values) else _insert_one(model, tuple(field for field, _, _ in values))


def _is_special(values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]") -> bool:
    return any(hasattr(v, "resolve_expression") or hasattr(f, "get_placeholder") for f, _, v in values)


def update_one(
    model: type[models.Model], values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]"
) -> CompiledUpdate | None:
    """Return the statement that sets fields of one row at one version, or None if they must be compiled anew.

    The values are those that Django passes to `Model._do_update`: of a field, and a new value.
    """
    return None if _is_special(values) else _update_one(model, tuple(field for field, _, _ in values))
