"""Which rows of a resource, and in which order: filters and sort, for lists and exports alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from django.db.models import Model, Q, QuerySet
from pydantic import BaseModel, Field

from api.ids import ID_PATTERN
from api.inputs import Moment

ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True)
class Filter:
    """What a parameter keeps, where its name alone does not say it as a lookup of the ORM does."""

    condition: Callable[[Any], Q]


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
    def filters(self) -> set[str]:
        """The names of the filters that were sent."""
        return self.model_fields_set - {"sort"}

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")

    def of(self, rows: QuerySet[ModelT]) -> QuerySet[ModelT]:
        """Keep what the filters keep, in order, ties broken by id in the same direction."""
        condition = Q()
        for name in self.filters:
            marks = type(self).model_fields[name].metadata
            own = next((mark for mark in marks if isinstance(mark, Filter)), None)
            value = getattr(self, name)
            condition &= own.condition(value) if own else Q((name, value))
        sign = "-" if self.descending else ""
        return rows.filter(condition).order_by(sign + self.key, f"{sign}id")
