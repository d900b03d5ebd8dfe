"""COPY, PostgreSQL's way to create many rows: an INSERT takes ten times the CPU of this process."""

from typing import Any

from django.db import connections

from ops.wrappers import watched


def copy_in(using: str, rows: list[Any]) -> bool:
    """Create rows of one model in the caller's transaction, as `bulk_create` would.

    Returns False if COPY cannot: on another database, or for values that the database computes.
    """
    connection, meta = connections[using], rows[0]._meta
    computed = any(hasattr(value, "resolve_expression") for row in rows for value in vars(row).values())
    if connection.vendor != "postgresql" or meta.parents or computed:
        return False
    fields = [field for field in meta.concrete_fields if not field.generated]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    statement = f"COPY {quote(meta.db_table)} ({columns}) FROM STDIN"
    prepared = [_prepare(field, rows, connection) for field in fields]

    def copy_rows() -> None:
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in zip(*prepared, strict=True):
                copy.write_row(row)

    watched(connection, statement, copy_rows)
    return True


def _prepare(field: Any, rows: list[Any], connection: Any) -> list[Any]:
    """Return what each row stores in a field; a value that all rows share is prepared once."""
    values = [field.pre_save(row, add=True) for row in rows]
    if all(value is values[0] for value in values):
        return [field.get_db_prep_save(values[0], connection)] * len(values)
    return [field.get_db_prep_save(value, connection) for value in values]
