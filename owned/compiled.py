"""Queries whose SQL the ORM builds once, because building it takes longer than the database takes to answer.

A query is declared with the ORM, with `Parameter`s where its values go, and run with new values through
Django's own cursor. What was built is kept for one thread and one database, and gone with the thread, as its
connection is; what else a query depends on, the models, does not change while a process lives.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import local
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import InsertQuery, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from ops.wrappers import watched

Row = Sequence[Any]


class Parameter(Expression):
    """A place in a query that is filled, when it is run, with what the field takes."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Write a placeholder, and stand in for its value."""
        return "%s", (self,)


class Plan(NamedTuple):
    """A query as one connection runs it; the compiler turns what comes back into Python's values."""

    sql: str
    parameters: list[Any]
    compiler: SQLCompiler
    converters: dict[int, Any]
    returns: bool = True

    def run(self, values: dict[str, Any]) -> list[Row]:
        """Return the rows for the values of the parameters."""
        connection = self.compiler.connection
        filled = [
            p.output_field.get_db_prep_value(values[p.name], connection) if isinstance(p, Parameter) else p
            for p in self.parameters
        ]
        cursor = cursor_of(connection)
        cursor.execute(self.sql, filled)
        rows: Iterable[Row] = cursor.fetchall() if self.returns else []
        return list(self.compiler.apply_converters(rows, self.converters) if self.converters else rows)


_kept = local()


def cursor_of(connection: BaseDatabaseWrapper) -> CursorWrapper:
    """Return this thread's cursor, the same as the last time: making one takes a quarter of a query's time.

    It goes with the connection; a query that is logged (`DEBUG`, tests) has one of its own.
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
        """Keep the function that makes the queryset, to be called once for each thread and database."""
        self.build = build
        self.plans = local()  # a plan holds its connection, and must not outlive it

    def rows(self, using: str = "default", /, **values: Any) -> list[Row]:
        """Run the query with a value for each of its parameters."""
        connection, plans = connections[using], vars(self.plans)
        plan: Plan | None = plans.get(using)
        if plan is None or plan.compiler.connection is not connection:
            plan = plans[using] = self.plan(connection)
        return plan.run(values)

    def first_rows(self, using: str = "default", /, **values: Any) -> list[Row]:
        """Run a SELECT that is the first query of a request, so that whatever follows finds a connection.

        One that the database closed since the last request, as it does when it restarts, is made anew.
        """
        connection = connections[using]
        is_new = connection.connection is None  # which is tried once, for as long as CONNECT_TIMEOUT says
        try:
            rows = self.rows(using, **values)
        except (OperationalError, InterfaceError):
            if is_new or connection.in_atomic_block or connection.is_usable():
                raise
            connection.close()
            rows = self.rows(using, **values)
        connection.health_check_done = True  # type: ignore[attr-defined]  # Django's would be one query more
        return rows

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL for a connection."""
        compiler = self.build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select or ()]
        return Plan(sql, list(parameters), compiler, compiler.get_converters(columns))


class CompiledUpdate(Compiled):
    """An UPDATE of the queryset's rows, which returns them as they are then, all columns in their order."""

    def __init__(self, build: Callable[[], "QuerySet[Any, Any]"], values: dict[str, Any]) -> None:
        """Keep what is set, as `QuerySet.update` takes it."""
        super().__init__(build)
        self.values = values

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL for a connection; RETURNING, which the ORM has for inserts alone, is in both."""
        query: Any = self.build().query.chain(UpdateQuery)
        query.add_update_values(self.values)
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        fields = query.get_meta().concrete_fields
        names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        columns = [field.get_col(query.get_meta().db_table) for field in fields]
        return Plan(f"{sql} RETURNING {names}", list(parameters), compiler, compiler.get_converters(columns))


class CompiledInsert(Compiled):
    """An INSERT of one row, with a parameter for each column, named as the field's attribute."""

    def __init__(self, model: type[Model]) -> None:
        """Keep the model whose rows are made."""
        super().__init__(model._default_manager.all)
        self.model = model
        self.fields: list[Field[Any, Any]] = list(model._meta.concrete_fields)

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL for a connection."""
        query = InsertQuery(self.model)
        row = self.model(**{field.attname: Parameter(field.attname, field) for field in self.fields})
        query.insert_values(self.fields, [row])
        compiler = query.get_compiler(connection=connection)
        ((sql, parameters),) = compiler.as_sql()
        return Plan(sql, list(parameters), compiler, {}, returns=False)

    def many(self, using: str, columns: Sequence[Sequence[Any]]) -> None:
        """Make a row of the first values of all columns, one of the second, and so on, in a transaction."""
        connection = connections[using]
        prepared = [
            [field.get_db_prep_value(value, connection, prepared=True) for value in column]
            for field, column in zip(self.fields, columns, strict=True)
        ]
        rows = zip(*prepared, strict=True)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                copy_in(cursor, self.model._meta.db_table, self.fields, rows)
            else:
                cursor.executemany(self.plan(connection).sql, list(rows))


def copy_in(cursor: Any, table: str, fields: "list[Field[Any, Any]]", rows: Iterable[Row]) -> None:
    """Make rows by COPY, PostgreSQL's way for many: an INSERT took ten times the CPU of this process."""
    connection = cursor.db
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    types = [str(field.db_type(connection)).partition("(")[0] for field in fields]
    statement = f"COPY {quote(table)} ({names}) FROM STDIN (FORMAT BINARY)"

    def copy_rows() -> None:
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    watched(connection, statement, copy_rows)
