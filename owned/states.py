"""The state of a row as JSON, written and read back by the database without loss."""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import F, Func, JSONField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast


class State(Func):
    """All columns of a row as one JSON object, by the names of the fields' attributes.

    A column that the service encrypts stays encrypted. PostgreSQL writes each value as text, which its type
    reads back exactly. SQLite has no type that JSON lacks but BLOB, and floats, which JSON would round.
    """

    output_field = JSONField()

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(*(F(field.attname) for field in model._meta.concrete_fields))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        names = ", ".join(f"'{column.target.attname}'" for column in self.get_source_expressions())
        template = f"jsonb_object(ARRAY[{names}], ARRAY[%(expressions)s::text])"
        return self.as_sql(compiler, connection, template=template, arg_joiner="::text, ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        pairs = []
        for column in self.get_source_expressions():
            sql, _ = compiler.compile(column)
            exact = (
                f"CASE typeof({sql}) WHEN 'real' THEN printf('%%!.20g', {sql}) "
                f"WHEN 'blob' THEN hex({sql}) ELSE {sql} END"
            )
            pairs.append(f"'{column.target.attname}', {exact}")
        return f"json_object({', '.join(pairs)})", ()


class StateValue(Cast):
    """The value of a field in a `State`, as the column itself would return it."""

    def __init__(self, field: "models.Field[Any, Any]", state: str = "state") -> None:
        super().__init__(KT(f"{state}__{field.attname}"), field)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        ((state,),) = (key.get_source_expressions() for key in self.get_source_expressions())
        sql, parameters = compiler.compile(state)
        sql = f"json_extract({sql}, '$.{self.output_field.attname}')"
        is_decimal = self.output_field.db_type(connection) == "decimal"
        return f"CAST({sql} AS REAL)" if is_decimal else sql, parameters

    def get_db_converters(self, connection: Any) -> list[Any]:
        converters = super().get_db_converters(connection)
        exact: dict[Any, Any] = {"real": float, "BLOB": bytes.fromhex}
        convert = exact.get(self.output_field.db_type(connection))
        if connection.vendor != "sqlite" or convert is None:
            return converters
        return [lambda value, *_: None if value is None else convert(value), *converters]


def read_states(
    model: type[models.Model], versions: "models.QuerySet[Any]", also: Sequence[str], limit: int
) -> list[tuple[tuple[Any, ...], Any]]:
    """Return, for each version, the values of the fields `also`, and its state as an instance."""
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    rows = versions.values_list(*map(F, also), *(StateValue(field) for field in fields))[:limit]
    cut = len(also)
    return [(row[:cut], model.from_db(versions.db, names, row[cut:])) for row in rows]
