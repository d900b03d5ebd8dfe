"""Statements whose SQL the ORM builds once, because building it takes longer than running it.

A query is declared with the ORM, with a `Parameter` in place of each value, and runs through Django's own
cursor. What was built belongs to one thread and one connection, and ends with them. A query must depend on
nothing else: what a manager or a router decides for each request is not compiled (see `owned/querysets.py`).
"""

from collections.abc import Callable, Sequence
from math import inf
from threading import local
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Expression, Field, IntegerField, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = Sequence[Any]


class Parameter(Expression):
    """A placeholder for a value, which each run of the query supplies."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        return "%s", (self,)

    def prepare(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return a value to compare a column with, as the driver takes it.

        An integer that the column cannot hold becomes an infinity: the driver would wrap it around.
        """
        field: Field[Any, Any] = self.output_field
        if isinstance(field, IntegerField) and value is not None:
            low, high = connection.ops.integer_field_range(field.get_internal_type())
            if not low <= value <= high:
                return inf if value > high else -inf
        return field.get_db_prep_value(value, connection)


class NewValue(Parameter):
    """A placeholder for a value to store."""

    def prepare(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.output_field.get_db_prep_save(value, connection)


class Plan(NamedTuple):
    """A statement as one connection runs it; the compiler turns what comes back into Python's values."""

    sql: str
    parameters: list[Any]
    compiler: SQLCompiler
    converters: dict[int, Any]

    def execute(self, values: dict[str, Any]) -> CursorWrapper:
        """Run the statement with these values of its parameters."""
        connection = self.compiler.connection
        filled = [
            p.prepare(values[p.name], connection) if isinstance(p, Parameter) else p for p in self.parameters
        ]
        cursor = cursor_of(connection)
        cursor.execute(self.sql, filled)
        return cursor


_kept = local()


def cursor_of(connection: BaseDatabaseWrapper) -> CursorWrapper:
    """Return this thread's cursor, which is reused: creating one takes a quarter of a query's time.

    A query that is logged (`DEBUG`, tests) gets a new one.
    """
    cursor: CursorWrapper | None = vars(_kept).get(connection.alias)
    if connection.queries_logged or cursor is None or cursor.connection is not connection.connection:
        cursor = connection.cursor()
        if not connection.queries_logged:
            vars(_kept)[connection.alias] = cursor
    return cursor


class Compiled:
    """A SELECT of the columns that the queryset's `values_list` names."""

    def __init__(self, build: Callable[[], "QuerySet[Any, Any]"]) -> None:
        """Take the function that returns the queryset; each thread calls it once for each database."""
        self.build = build
        self.plans = local()  # a plan holds its connection, and must not outlive it

    def rows(self, using: str = "default", /, **values: Any) -> list[Row]:
        """Run the query with a value for each of its parameters."""
        plan = self.plan_for(using)
        rows = plan.execute(values).fetchall()
        return list(plan.compiler.apply_converters(rows, plan.converters)) if plan.converters else rows

    def plan_for(self, using: str) -> Plan:
        """Return the statement for this thread's connection, built at its first use."""
        connection, plans = connections[using], vars(self.plans)
        plan: Plan | None = plans.get(using)
        if plan is None or plan.compiler.connection is not connection:
            plan = plans[using] = self.plan(connection)
        return plan

    def first_rows(self, using: str = "default", /, **values: Any) -> list[Row]:
        """Run the first query of a request.

        If the database has closed the connection since the last request, as it does when it restarts, this
        opens a new one.
        """
        connection = connections[using]
        is_new = connection.connection is None  # a new connection is tried once, for CONNECT_TIMEOUT seconds
        try:
            rows = self.rows(using, **values)
        except (OperationalError, InterfaceError):
            if is_new or connection.in_atomic_block or connection.is_usable():
                raise
            connection.close()
            rows = self.rows(using, **values)
        connection.health_check_done = True  # type: ignore[attr-defined]  # saves Django's own query
        return rows

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL for a connection."""
        compiler = self.build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select or ()]
        return Plan(sql, list(parameters), compiler, compiler.get_converters(columns))


class CompiledWrite(Compiled):
    """A statement that writes `fields` of the queryset's rows."""

    def __init__(
        self, fields: "Sequence[Field[Any, Any]]", build: Callable[[], "QuerySet[Any, Any]"]
    ) -> None:
        super().__init__(build)
        self.fields = fields

    def write(self, using: str, /, **values: Any) -> int:
        """Run the statement; returns how many rows it wrote."""
        number: int = self.plan_for(using).execute(values).rowcount
        return number


class CompiledUpdate(CompiledWrite):
    """An UPDATE that sets each field to a value, which is named `new` and the field's attribute."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan, quote = super().plan(connection), connection.ops.quote_name
        places = ", ".join(f"{quote(str(field.column))} = %s" for field in self.fields)
        table, where = self.fields[0].model._meta.db_table, plan.sql.partition(" WHERE ")[2]
        news = [NewValue(f"new {field.attname}", field) for field in self.fields]
        sql = f"UPDATE {quote(table)} SET {places} WHERE {where}"  # noqa: S608 (the names are the model's)
        return plan._replace(sql=sql, parameters=[*news, *plan.parameters])


class CompiledInsert(CompiledWrite):
    """An INSERT of one row, whose values are named as those of `CompiledUpdate`."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan, quote = super().plan(connection), connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in self.fields)
        places = ", ".join(["%s"] * len(self.fields))
        table = quote(self.fields[0].model._meta.db_table)
        news = [NewValue(f"new {field.attname}", field) for field in self.fields]
        sql = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 (the names are the model's)
        return plan._replace(sql=sql, parameters=news)


class CompiledCopy(CompiledWrite):
    """An INSERT of the rows that a SELECT finds, whose columns are the fields."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan, quote = super().plan(connection), connection.ops.quote_name
        table, columns = self.fields[0].model._meta.db_table, [str(field.column) for field in self.fields]
        into = f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))})"
        return plan._replace(sql=f"{into} {plan.sql}")
