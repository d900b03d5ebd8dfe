"""The compiled statements of one row."""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from django.db import models
from django.db.models import QuerySet

from owned.compiled import Compiled, CompiledInsert, CompiledUpdate, Parameter
from owned.states import columns


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
    return [field.attname for field in columns(model)]


@cache
def select_one(model: type[models.Model], *, lock: bool = False) -> Compiled:
    """Return the query of one row by its owner and id."""

    def build() -> "QuerySet[Any, Any]":
        rows = where(model, "owner", "id")
        return (rows.select_for_update() if lock else rows).values_list(*columns_of(model))

    return Compiled(build, one=True)


@lru_cache(maxsize=256)
def _update_one(model: type[models.Model], *names: str) -> CompiledUpdate:
    return CompiledUpdate(
        _fields(model, names), lambda: where(model, "owner", "id", "version").values_list("id")
    )


@lru_cache(maxsize=256)
def _insert_one(model: type[models.Model], *names: str) -> CompiledInsert:
    return CompiledInsert(_fields(model, names), lambda: QuerySet(model).values_list("pk"))


def _fields(model: Any, names: Iterable[str]) -> "list[models.Field[Any, Any]]":
    return [model._meta.get_field(name) for name in names]


def insert_one(
    model: type[models.Model], values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]"
) -> CompiledInsert | None:
    """Return the statement that creates one row, or None if it must be compiled anew."""
    return None if _is_special(values) else _insert_one(model, *[field.name for field, _, _ in values])


def update_one(
    model: type[models.Model], values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]"
) -> CompiledUpdate | None:
    """Return the statement that sets fields of one row at one version, or None if they must be compiled anew.

    The values are those that Django passes to `Model._do_update`: of a field, and a new value.
    """
    return None if _is_special(values) else _update_one(model, *[field.name for field, _, _ in values])


def _is_special(values: "Iterable[tuple[models.Field[Any, Any], Any, Any]]") -> bool:
    for field, _, value in values:
        if hasattr(value, "resolve_expression") or hasattr(field, "get_placeholder"):
            return True
    return False
