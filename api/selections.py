"""Which rows of a resource, and in which order: filters and sort, for lists and exports alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from django.db import models
from django.db.models import Q, QuerySet
from pydantic import BaseModel, Field

from api.inputs import Moment
from owned.ids import ID_PATTERN

ModelT = TypeVar("ModelT", bound=models.Model)


@dataclass(frozen=True)
class Filter:
    """What a parameter keeps, where its name alone does not say it as a lookup of the ORM does.

    With the kind of field that its value is compared with, the value may be an expression, and the query of
    a page is built once; without, each time.
    """

    condition: Callable[[Any], Q]
    field: "models.Field[Any, Any] | None" = None


COMPARISONS = frozenset({"", "exact", "lt", "lte", "gt", "gte"})
"""The lookups of the ORM that take an expression for a value."""


def _ids(values: list[str]) -> Q:
    return Q(id__in=[value for value in values if ID_PATTERN.fullmatch(value)])


class Selection(BaseModel):
    """The filters that every owned resource has. A resource adds its own, and its sort keys.

    The name of a filter is a lookup of the ORM (`start_date__gte`), or it carries a `Filter`. All are ANDed.
    """

    sort_keys: ClassVar[tuple[str, ...]] = ()
    """The fields that sort, beside the times: none of them null, each in `owned_indexes` of the model."""

    sort: str = Field(
        "-created_at", description="The sort key; `-` sorts descending. Ties are broken by `id`."
    )
    id: Annotated[list[str] | None, Filter(_ids)] = Field(
        None, max_length=100, description="Keeps these ids; repeatable."
    )
    created_at__gte: Moment | None = Field(None, description="Keeps what was created then or later.")
    created_at__lt: Moment | None = Field(None, description="Keeps what was created before.")
    updated_at__gte: Moment | None = Field(None, description="Keeps what was changed then or later.")
    updated_at__lt: Moment | None = Field(None, description="Keeps what was last changed before.")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Narrow `sort` to the keys, each of them both ways."""
        keys = ("created_at", "updated_at", *cls.sort_keys)
        values = tuple(sign + key for key in keys for sign in ("", "-"))
        cls.model_fields["sort"].annotation = Literal[values]  # type: ignore[assignment]
        cls.model_rebuild(force=True)

    @property
    def key(self) -> str:
        """The field that sorts."""
        return self.sort.removeprefix("-")

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that were sent, and their values."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set - {"sort"})}

    def of(self, rows: QuerySet[ModelT]) -> QuerySet[ModelT]:
        """Keep what the filters keep, in order, ties broken by id in the same direction."""
        return self.select(rows, self.sort, self.filters)

    @classmethod
    def select(cls, rows: QuerySet[ModelT], sort: str, filters: Mapping[str, Any]) -> QuerySet[ModelT]:
        """Keep what filters with these values, or expressions of the database, keep, in order."""
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
        """Return the `Filter` that a filter carries."""
        marks = cls.model_fields[name].metadata
        return next((mark for mark in marks if isinstance(mark, Filter)), None)

    @classmethod
    def compared(cls, model: type[models.Model], name: str) -> Any:
        """Return the field that a filter compares with one value, or None where it does something else."""
        if own := cls.own(name):
            return own.field
        field, _, lookup = name.partition("__")
        return model._meta.get_field(field) if lookup in COMPARISONS else None
