"""Which schemas show columns as they are, and so need no validation of a response.

A list of 100 takes a third of the time when its rows go from the database to JSON as they are. A schema that
renames, computes, validates or masks anything is not flat: ninja then makes the response.
"""

import dataclasses
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
from django.db import models
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from owned.models import OwnedModel
from owned.states import columns

SHOWN_AS: tuple[tuple[Any, type], ...] = (
    (models.CharField, str),
    (models.TextField, str),
    (models.IntegerField, int),
    (models.FloatField, float),
    (models.BooleanField, bool),
    (models.DateTimeField, datetime),
    (models.DateField, date),
)
CONFIG = frozenset({"from_attributes", "title", "json_schema_extra"})
MARKS = (
    WithJsonSchema,
    annotated_types.MinLen,
    annotated_types.MaxLen,
    annotated_types.Ge,
    annotated_types.Gt,
    annotated_types.Le,
    annotated_types.Lt,
)


@cache  # both are classes
def flat_fields(schema: Any, model: Any) -> tuple[str, ...] | None:
    """Return the names of the columns that a flat schema shows; None for a schema that is not flat."""
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return None
    decorators = schema.__pydantic_decorators__
    decorated = any(getattr(decorators, kind.name) for kind in dataclasses.fields(decorators))
    if (
        decorated
        or not set(schema.model_config) <= CONFIG
        or schema.model_post_init is not BaseModel.model_post_init
        or any(name.startswith("resolve_") for name in dir(schema))
        or next(each for each in model.__mro__ if "from_db" in vars(each)) is not OwnedModel
    ):
        return None
    known = {field.attname: field for field in columns(model)}
    shown = schema.model_fields
    return tuple(shown) if all(n in known and _is_plain(f, known[n]) for n, f in shown.items()) else None


def _is_plain(field: Any, column: "models.Field[Any, Any]") -> bool:
    """Whether a field of a schema is the column's own value, of the type that the column has."""
    types, marks = _types_and_marks(field.annotation)
    own = next((type for kind, type in SHOWN_AS if isinstance(column, kind)), None)
    renamed = field.alias or field.validation_alias or field.serialization_alias
    left_out = field.exclude or field.exclude_if
    allowed = all(isinstance(mark, MARKS) for mark in (*field.metadata, *marks))
    return types == {own, *([NoneType] if column.null else [])} and allowed and not (renamed or left_out)


def _types_and_marks(annotation: Any) -> tuple[set[Any], list[Any]]:
    """Return the types of a union, and what is noted on them."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        types, more = _types_and_marks(inner)
        return types, [*(mark for mark in marks if not isinstance(mark, FieldInfo)), *more]
    if get_origin(annotation) in (Union, UnionType):
        parts = [_types_and_marks(part) for part in get_args(annotation)]
        return {type for types, _ in parts for type in types}, [mark for _, marks in parts for mark in marks]
    return {annotation}, []
