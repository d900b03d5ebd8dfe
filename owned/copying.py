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
    prepared = [
        [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows]
        for field in fields
    ]

    def copy_rows() -> None:
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in zip(*prepared, strict=True):
                copy.write_row(row)

    watched(connection, statement, copy_rows)
    return True
