"""Filters and sort order of a resource, for its list and its export."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from django.db import models
from django.db.models import Q, QuerySet
from pydantic import BaseModel, Field

from api.inputs import Moment
from owned.ids import ID_PATTERN

ModelT = TypeVar("ModelT", bound=models.Model)


@dataclass(frozen=True)
class Filter:
    """What a parameter keeps, if its name is not a lookup of the ORM.

    `field` is the kind of field that the value is compared with, if it is compared with one: the value may
    then be an expression, and the query of a page is built only once.
    """

    condition: Callable[[Any], Q]
    field: "models.Field[Any, Any] | None" = None


COMPARISONS = frozenset({"", "exact", "lt", "lte", "gt", "gte"})
"""The lookups of the ORM that accept an expression as a value."""


def _ids(values: list[str]) -> Q:
    return Q(id__in=[value for value in values if ID_PATTERN.fullmatch(value)])


class Selection(BaseModel):
    """The filters that every owned resource has. A resource adds its own filters and sort keys.

    A filter is named like a lookup of the ORM (`start_date__gte`), or is annotated with a `Filter`. All
    filters are combined with AND.
    """

    sort_keys: ClassVar[tuple[str, ...]] = ()
    """The sort keys besides the two times. They are not nullable, and are in `owned_indexes` of the model."""

    sort: str = Field(
        "-created_at", description="The sort key. `-` sorts in descending order. Ties are broken by `id`."
    )
    id: Annotated[list[str] | None, Filter(_ids)] = Field(
        None, max_length=100, description="Keep these ids. Can be repeated."
    )
    created_at__gte: Moment | None = Field(None, description="Created at or after this time.")
    created_at__lt: Moment | None = Field(None, description="Created before this time.")
    updated_at__gte: Moment | None = Field(None, description="Updated at or after this time.")
    updated_at__lt: Moment | None = Field(None, description="Updated before this time.")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Restrict `sort` to the keys, ascending and descending."""
        keys = ("created_at", "updated_at", *cls.sort_keys)
        values = tuple(sign + key for key in keys for sign in ("", "-"))
        cls.model_fields["sort"].annotation = Literal[values]  # type: ignore[assignment]
        cls.model_rebuild(force=True)

    @property
    def key(self) -> str:
        """The sort key without its direction."""
        return self.sort.removeprefix("-")

    @cached_property
    def filters(self) -> dict[str, Any]:
        """The filters that were sent or have a default, with their values."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "sort"}
        return {name: value for name, value in values.items() if value is not None}

    def of(self, rows: QuerySet[ModelT]) -> QuerySet[ModelT]:
        """Filter and sort the rows. Ties are broken by id in the same direction."""
        return self.select(rows, self.sort, self.filters)

    @classmethod
    def select(cls, rows: QuerySet[ModelT], sort: str, filters: Mapping[str, Any]) -> QuerySet[ModelT]:
        """Filter by these values or expressions, and sort."""
        condition = Q()
        for name, value in filters.items():
            own = cls.own(name)
            kept = own.condition(value) if own else Q((name, value))
            if cls.may_repeat(rows.model, name):
                kept = Q(pk__in=rows.model._base_manager.filter(kept).values("pk"))
            condition &= kept
        sign = "-" if sort.startswith("-") else ""
        return rows.filter(condition).order_by(sort, f"{sign}id")

    @classmethod
    def may_repeat(cls, model: type[models.Model], name: str) -> bool:
        """Whether a filter follows a relation to many, whose join would repeat rows."""
        first = name.partition("__")[0]
        fields = {field.name: field for field in model._meta.get_fields()}
        return first in fields and bool(fields[first].many_to_many or fields[first].one_to_many)

    @classmethod
    def own(cls, name: str) -> Filter | None:
        """Return the `Filter` that a parameter is annotated with."""
        marks = cls.model_fields[name].metadata
        return next((mark for mark in marks if isinstance(mark, Filter)), None)

    @classmethod
    def compared(cls, model: type[models.Model], name: str) -> Any:
        """Return the field that a filter compares with one value, or None if it does something else."""
        if own := cls.own(name):
            return own.field
        field, _, lookup = name.partition("__")
        return model._meta.get_field(field) if lookup in COMPARISONS else None
