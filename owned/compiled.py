"""Statements whose SQL the ORM builds once, because building it takes longer than running it.

A query is declared with the ORM, with a `Parameter` in place of each value, and runs through Django's own
cursor. What was built belongs to one thread and one connection, and ends with them. A query must depend on
nothing else: what a manager or a router decides for each request is not compiled (see `owned/querysets.py`).
"""

from collections.abc import Callable, Sequence
from math import inf
from threading import local
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, IntegerField, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from owned.postgresql.times import read_times_directly

Row = Sequence[Any]


BITS = {"SmallIntegerField": 16, "SmallAutoField": 16, "BigIntegerField": 64, "BigAutoField": 64}
BITS |= {f"Positive{name}": bits for name, bits in BITS.items()}


def integer_range(field: "Field[Any, Any]", vendor: str) -> tuple[int, int]:
    """Return the least and the greatest integer that a column can hold; SQLite gives all of them 64 bits."""
    kind = field.get_internal_type()
    bound = 2 ** ((64 if vendor == "sqlite" else BITS.get(kind, 32)) - 1)
    return 0 if kind.startswith("Positive") else -bound, bound - 1


def quoted(name: Any) -> str:
    """Return the name of a table or a column as SQL has it."""
    return '"{}"'.format(name.replace('"', '""'))


class Parameter(Expression):
    """A placeholder for a value to compare a column with, which each run of the query supplies."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        return "%s", (self,)

    @property
    def prepare(self) -> Callable[[Any, BaseDatabaseWrapper], Any]:
        """What turns a value into one that the driver takes."""
        is_integer = isinstance(self.output_field, IntegerField)
        return self.prepare_integer if is_integer else self.output_field.get_db_prep_value

    def prepare_integer(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return an infinity for an integer that the column cannot hold: the driver would wrap it around."""
        if value is not None:
            low, high = integer_range(self.output_field, connection.vendor)
            if not low <= value <= high:
                return inf if value > high else -inf
        return self.output_field.get_db_prep_value(value, connection)


class Plan(NamedTuple):
    """A statement as one connection runs it; the compiler turns what comes back into Python's values."""

    sql: str
    parameters: list[tuple[str, Any]]
    """The name of each value and what prepares it; a constant has no name."""
    compiler: SQLCompiler
    converters: dict[int, Any]
    connection: BaseDatabaseWrapper


_cursors = local()
"""Cursors with the driver's connection, as creating one takes a quarter of a query's time.

A statement of at most one row has its own, which saves 5 % of a get. All others share one, since a cursor
keeps the rows that it has read.
"""


class Compiled:
    """A SELECT of the columns that the queryset's `values_list` names."""

    def __init__(self, build: Callable[[], "QuerySet[Any, Any]"], *, one: bool = False) -> None:
        """Take the function that returns the queryset; each thread calls it once for each database.

        `one` says that there is at most one row.
        """
        self.build, self.one = build, one
        self.plans = local()  # plans and cursors: they hold a connection, and must not outlive it

    def run(self, connection: BaseDatabaseWrapper, values: dict[str, Any]) -> tuple[Plan, Any]:
        """Run the statement with a value for each of its parameters; return its plan and the cursor."""
        plans = vars(self.plans)
        plan: Plan | None = plans.get(connection.alias)
        if plan is None or plan.connection is not connection:
            plan = plans[connection.alias] = self.plan(connection)
        sent = [prepare(values[name], connection) if name else prepare for name, prepare in plan.parameters]
        kept, name = vars(self.plans if self.one else _cursors), f"cursor of {connection.alias}"
        opened, cursor = kept.get(name, (None, None))
        if connection.queries_logged:  # `DEBUG`, tests
            cursor = connection.cursor()
        elif opened is None or opened is not connection.connection:
            cursor = connection.cursor()
            if connection.vendor == "postgresql":
                read_times_directly(cursor)
            kept[name] = connection.connection, cursor
        cursor.execute(plan.sql, sent)
        return plan, cursor

    def rows(self, using: str = "default", /, **values: Any) -> list[Row]:
        """Run the query with a value for each of its parameters.

        If the database has closed the connection since the last query, as it does when it restarts, this
        opens a new one.
        """
        connection = connections[using]
        is_new = connection.connection is None  # a new connection is tried once, for CONNECT_TIMEOUT seconds
        try:
            plan, cursor = self.run(connection, values)
        except (OperationalError, InterfaceError):
            if is_new or not transaction.get_autocommit(using) or not is_closed(connection):
                raise
            connection.close()
            plan, cursor = self.run(connection, values)
        connection.health_check_done = True  # type: ignore[attr-defined]  # saves Django's own query
        rows: list[Row] = cursor.fetchall()
        return list(plan.compiler.apply_converters(rows, plan.converters)) if plan.converters else rows

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        """Build the SQL for a connection."""
        compiler = self.build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select or ()]
        named = [(p.name, p.prepare) if isinstance(p, Parameter) else ("", p) for p in parameters]
        return Plan(sql, named, compiler, compiler.get_converters(columns), connection)


def is_closed(connection: BaseDatabaseWrapper) -> bool:
    """Return whether psycopg has found that the server closed a connection; SQLite has none to close."""
    return bool(getattr(connection.connection, "closed", False))


class CompiledWrite(Compiled):
    """A statement that writes `fields` of the queryset's rows."""

    def __init__(
        self, fields: "Sequence[Field[Any, Any]]", build: Callable[[], "QuerySet[Any, Any]"]
    ) -> None:
        super().__init__(build, one=True)
        self.fields = fields

    def write(self, using: str, /, **values: Any) -> int:
        """Run the statement; returns how many rows it wrote."""
        number: int = self.run(connections[using], values)[1].rowcount
        return number


class CompiledUpdate(CompiledWrite):
    """An UPDATE that sets each field to a value, which is named `new` and the field's attribute."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan = super().plan(connection)
        places = ", ".join(f"{quoted(field.column)} = %s" for field in self.fields)
        table, where = self.fields[0].model._meta.db_table, plan.sql.partition(" WHERE ")[2]
        news = [(f"new {field.attname}", field.get_db_prep_save) for field in self.fields]
        sql = f"UPDATE {quoted(table)} SET {places} WHERE {where}"  # noqa: S608 (the names are the model's)
        return plan._replace(sql=sql, parameters=[*news, *plan.parameters])


class CompiledInsert(CompiledWrite):
    """An INSERT of one row, whose values are named as those of `CompiledUpdate`."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan = super().plan(connection)
        columns = ", ".join(quoted(field.column) for field in self.fields)
        places = ", ".join(["%s"] * len(self.fields))
        table = quoted(self.fields[0].model._meta.db_table)
        news = [(f"new {field.attname}", field.get_db_prep_save) for field in self.fields]
        sql = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 (the names are the model's)
        return plan._replace(sql=sql, parameters=news)


class CompiledCopy(CompiledWrite):
    """An INSERT of the rows that a SELECT finds, whose columns are the fields."""

    def plan(self, connection: BaseDatabaseWrapper) -> Plan:
        plan = super().plan(connection)
        table, columns = self.fields[0].model._meta.db_table, [str(field.column) for field in self.fields]
        into = f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))})"
        return plan._replace(sql=f"{into} {plan.sql}")
