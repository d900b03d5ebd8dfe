"""The tables of a backup, and how JSON holds their values.

Text, whole numbers, truth values and dates are what JSON makes of them, times are RFC 3339 with microseconds,
binary data is hexadecimal; what JSON would round or confuse, it holds as text.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, ForeignKey, Model, TextField
from django.db.models.functions import Cast

from owned.compiled import Row

LEFT_OUT = frozenset({"sessions", "axes", "api.keptupload", "ops.takenbackup"})
"""Apps and models that no backup holds: who is signed in, who failed to, uploads that nobody has confirmed,
and when backups were taken."""

MADE_BY_MIGRATE: tuple[type[Model], ...] = (Permission, ContentType)
"""What a database without any data holds all the same; a restore puts the backup's in their place, because
its other tables refer to their ids."""

# Rows that are read at a time. The memory of 2,000 goes back to the system after each chunk; to have it back
# takes half as long as all the rest.
CHUNK = 200


class BackupError(Exception):
    """Why there is no backup, or nothing was restored, in one line."""


@contextmanager
def damage() -> Iterator[None]:
    """Raise BackupError for what comes of reading a file that is damaged."""
    try:
        yield
    except (
        AttributeError,
        ArithmeticError,
        EOFError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        raise BackupError(f"The backup is damaged or cut short: {error}.") from error


class Kind(NamedTuple):
    """What orjson does not do by itself with the values of a field, on their way out and back."""

    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    plain: bool = True
    """Whether PostgreSQL itself reads what is in the file."""


MICROSECOND = timedelta(microseconds=1)
PLAIN = Kind()
KINDS = {
    **dict.fromkeys(("CharField", "SlugField", "TextField", "FilePathField", "FileField"), PLAIN),
    "GenericIPAddressField": PLAIN,
    **dict.fromkeys(("BooleanField", "AutoField", "BigAutoField", "SmallAutoField"), PLAIN),
    **{f"{size}IntegerField": PLAIN for size in ("", "Big", "Small")},
    **{f"Positive{size}IntegerField": PLAIN for size in ("", "Big", "Small")},
    "BinaryField": Kind(lambda value: bytes(value).hex(), bytes.fromhex, plain=False),
    "DateField": Kind(decode=date.fromisoformat),
    "DateTimeField": Kind(decode=datetime.fromisoformat),
    "DecimalField": Kind(str, Decimal),
    "DurationField": Kind(
        lambda value: value // MICROSECOND, lambda number: number * MICROSECOND, plain=False
    ),
    "FloatField": Kind(repr, float),
    "JSONField": Kind(decode=json.loads),
    "TimeField": Kind(decode=time.fromisoformat),
    "UUIDField": Kind(decode=UUID),
}


class Table:
    """The rows of one model, as a backup holds them."""

    def __init__(self, model: type[Model]) -> None:
        """Keep the model. Raises BackupError for a field whose values no backup can hold."""
        self.model, self.name = model, model._meta.db_table
        concrete = model._meta.local_concrete_fields
        self.fields: list[Field[Any, Any]] = [f for f in concrete if not getattr(f, "generated", False)]
        self.columns = [str(field.column) for field in self.fields]
        for field in self.fields:
            if stored_as(field) not in KINDS:
                raise BackupError(f"{self.name}.{field.column} is of a kind that no backup can hold.")

    @cached_property
    def kinds(self) -> list[Kind]:
        """How JSON holds each column."""
        return [KINDS[stored_as(field)] for field in self.fields]

    def count(self, using: str) -> int:
        """Return how many rows there are."""
        return self.model._base_manager.using(using).count()

    def is_empty(self, using: str) -> bool:
        """Tell whether there is no row."""
        return not self.model._base_manager.using(using).exists()

    def read(self, using: str) -> Iterator[Row]:
        """Go through the rows, as JSON is to hold them, in no order."""
        # JSON goes as the text that it is: null in it, and no value at all, would else be the same.
        columns = [
            Cast(field.attname, TextField()) if stored_as(field) == "JSONField" else field.attname
            for field in self.fields
        ]
        found = self.model._base_manager.using(using).order_by().values_list(*columns)
        rows = found.iterator(chunk_size=CHUNK)
        encoders = {place: kind.encode for place, kind in enumerate(self.kinds) if kind.encode}
        return (encoded(row, encoders) for row in rows) if encoders else rows

    def write(self, using: str, rows: Sequence[Row]) -> None:
        """Make rows of what JSON held, in a transaction. Raises BackupError for what it cannot have held."""
        connection = connections[using]
        with damage():
            columns = list(zip(self.fields, self.kinds, zip(*rows, strict=True), strict=True))
            prepared = list(zip(*(prepare(*column, connection) for column in columns), strict=True))
        quote = connection.ops.quote_name
        place = f"{quote(self.name)} ({', '.join(map(quote, self.columns))})"
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                copy_text(cursor, f"COPY {place} FROM STDIN", prepared)
            else:
                values = ", ".join(["%s"] * len(self.columns))
                cursor.executemany(f"INSERT INTO {place} VALUES ({values})", prepared)  # noqa: S608 - models' names


def tables() -> list[Table]:
    """Return the tables of a backup. Raises BackupError when one cannot be in it."""
    models = (model._meta for model in apps.get_models(include_auto_created=True))
    kept = (meta for meta in models if not LEFT_OUT & {meta.app_label, meta.label_lower})
    return [Table(meta.model) for meta in kept if meta.managed and not meta.proxy]


def stored_as(field: "Field[Any, Any]") -> str:
    """Name the kind of a field, or of what a foreign key refers to."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field.get_internal_type()


def encoded(row: Row, encoders: dict[int, Callable[[Any], Any]]) -> list[Any]:
    """Return a row with the values at some places encoded."""
    values = list(row)
    for place, encode in encoders.items():
        if values[place] is not None:
            values[place] = encode(values[place])
    return values


def prepare(
    field: "Field[Any, Any]", kind: Kind, values: Sequence[Any], connection: BaseDatabaseWrapper
) -> Sequence[Any]:
    """Return the values of a column as the database takes them."""
    if not kind.decode or (kind.plain and connection.vendor == "postgresql"):
        return values
    decode, adapt = kind.decode, field.get_db_prep_value
    return [None if value is None else adapt(decode(value), connection, prepared=True) for value in values]


def copy_text(cursor: Any, statement: str, rows: Sequence[Row]) -> None:
    """Make rows on PostgreSQL from text, which it reads as the columns' types, whatever the models' are."""
    with cursor.db.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
