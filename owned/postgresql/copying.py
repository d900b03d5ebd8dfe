"""COPY, PostgreSQL's way to create many rows: an INSERT takes ten times the CPU of this process."""

from typing import Any

import psycopg
from django import db
from django.db import connections
from django.db.models import GeneratedField

from ops.wrappers import watched
from owned.compiled import quoted
from owned.states import columns

BATCH = 1000
"""Rows of one INSERT or UPDATE. A statement takes 65,535 parameters, which Django 5.2 does not observe."""


def copy_in(using: str, rows: list[Any]) -> bool:
    """Create rows of one model in the caller's transaction, as `bulk_create` would.

    Returns False if COPY cannot: on another database, or for values that the database computes.
    """
    connection = connections[using]
    model: Any = type(rows[0])
    computed = any(hasattr(value, "resolve_expression") for row in rows for value in vars(row).values())
    if connection.vendor != "postgresql" or len({field.model for field in columns(model)}) > 1 or computed:
        return False
    fields = [field for field in columns(model) if not isinstance(field, GeneratedField)]
    names = ", ".join(quoted(field.column) for field in fields)
    statement = f"COPY {quoted(model._meta.db_table)} ({names}) FROM STDIN"
    prepared = [_prepare(field, rows, connection) for field in fields]

    def copy_rows() -> None:
        try:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for row in zip(*prepared, strict=True):
                    copy.write_row(row)
        except psycopg.Error as error:  # as Django's own methods of a cursor do
            names = (kind.__name__ for kind in type(error).__mro__)
            raise next(getattr(db, name) for name in names if hasattr(db, name))(*error.args) from error

    watched(connection, statement, copy_rows)
    return True


def _prepare(field: Any, rows: list[Any], connection: Any) -> list[Any]:
    """Return what each row stores in a field; a value that all rows share is prepared once."""
    values = [field.pre_save(row, add=True) for row in rows]
    if all(value is values[0] for value in values):
        return [field.get_db_prep_save(values[0], connection)] * len(values)
    return [field.get_db_prep_save(value, connection) for value in values]
