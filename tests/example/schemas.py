"""Schemas with what pydantic and ninja document."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import BaseModel, Field, computed_field, field_serializer

from api.inputs import Text, Time
from api.schemas import In, OwnedOut, Patch
from api.selections import Selection


class Kind(Enum):
    SOLID = "solid"
    LIQUID = "liquid"


class PlaceIn(In):
    name: str


class PlaceOut(OwnedOut):
    name: str


class SampleIn(In):
    name: Text
    code: str | None = None
    number: int = 0
    price: Decimal = Decimal(0)
    data: Any = Field(default_factory=dict)
    place_id: str | None = None


class SamplePatch(Patch, SampleIn):
    pass


class SampleOut(OwnedOut):
    """Flat, and without `created_at`, which sorts the list."""

    name: str
    number: int


class MaskedOut(OwnedOut):
    """Not flat: a field is masked."""

    name: str
    secret: str

    @field_serializer("secret")
    def mask(self, value: str) -> str:
        return "*" * len(value)


class ResolvedOut(Schema):
    """Ninja's own schema, with a resolver."""

    id: str
    title: str
    price: Decimal
    place: PlaceOut | None = None

    @staticmethod
    def resolve_title(sample: Any) -> str:
        return f"Sample {sample.name}"


class AliasedOut(BaseModel):
    model_config = {"from_attributes": True}

    name: str = Field(serialization_alias="sampleName")
    code: str | None

    @computed_field
    def shout(self) -> str:
        return self.name.upper()


class WholeOut(OwnedOut):
    """What the database, and not the client, sets."""

    first_saved: Time
    last_saved: Time
    save_number: int
    level: int
    double: int
    number: int
    hidden: str


class Part(In):
    length: float
    colours: list[Literal["red", "green"]]


class EveryTypeIn(In):
    amount: Decimal
    token: UUID
    kind: Kind
    kinds: list[Kind]
    at: datetime
    day: date
    clock: time
    lasts: timedelta
    maybe: UUID | None = None
    unique: set[int] = Field(default_factory=set)
    part: Part | None = None


class SampleSelection(Selection):
    sort_keys = ("name",)

    labels__name: str | None = None
    number__gte: int | None = None
    number: int | None = None
