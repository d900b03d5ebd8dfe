"""COPY, PostgreSQL's way to create many rows: an INSERT takes ten times the CPU of this process."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from types import NoneType
from typing import Any

import psycopg
from django import db
from django.db import connections, transaction
from django.db.models import (
    CharField,
    DateField,
    DateTimeField,
    Field,
    ForeignKey,
    GeneratedField,
    Model,
    TextField,
)

from ops.wrappers import watched
from owned.compiled import quoted
from owned.ids import NewID
from owned.postgresql.replicas import note_write
from owned.states import columns
from owned.validation import check_values, checked, owned_keys

BATCH = 1000
"""Rows of one INSERT or UPDATE. A statement takes 65,535 parameters, which Django 5.2 does not observe."""
SENT_AS_THEY_ARE = {CharField: {str, NoneType}, TextField: {str, NoneType}, DateField: {date, NoneType}}
"""The values that `get_db_prep_save` of Django's own fields returns as they are, one by one."""

AS_GIVEN = (Field.pre_save, DateField.pre_save, DateTimeField.pre_save)
"""What sets a field to the value that it has, but for `auto_now` and `auto_now_add`."""
DESCRIPTORS = (Field.descriptor_class, ForeignKey.descriptor_class)
"""What holds the value that an instance is given."""


def copy_in(using: str, rows: list[Any]) -> bool:
    """Create rows of one model in the caller's transaction, as `bulk_create` would.

    Returns False if COPY cannot: on another database, or for values that the database computes.
    """
    model: Any = type(rows[0])
    computed = any(hasattr(value, "resolve_expression") for row in rows for value in vars(row).values())
    if computed or not may_copy(using, model):
        return False
    copy_columns(using, model, [[f.pre_save(row, add=True) for row in rows] for f in copied(model)])
    return True


def copy_new(using: str, model: Any, items: Sequence[Any]) -> list[str] | None:
    """Create rows of plain values without an instance of each, which takes half of the time.

    Returns their ids, or None if a field, a value or the database needs instances. Raises ValidationError.
    """
    known = {field.attname for field in copied(model)} - {"id", "version"}
    is_known = all(known.issuperset(item) for item in items)
    if not (items and is_known and may_copy(using, model) and _is_plain(model)):
        return None
    values = {}
    for field in copied(model):
        name, default = field.attname, field.get_default
        values[name] = [item[name] if name in item else default() for item in items]
    kinds = {kind for column in values.values() for kind in set(map(type, column))}
    if any(hasattr(kind, "resolve_expression") for kind in kinds) or {*map(type, values["id"])} != {NewID}:
        return None
    for owner in {*values["owner_id"]} if owned_keys(model) else {None}:
        theirs = [place for place, each in enumerate(values["owner_id"]) if owner in (None, each)]
        check_values(model, using, owner, {n: [values[n][p] for p in theirs] for n in checked(model)})
    values["id"] = list(map(str, values["id"]))
    with transaction.atomic(using=using, savepoint=False):
        copy_columns(using, model, list(values.values()))
        for owner in {*values["owner_id"]}:
            note_write(using, owner)
    return values["id"]


@cache
def _is_plain(model: Any) -> bool:
    """Return whether an instance would hold just the values that it is given."""
    fields = copied(model)
    automatic = any(getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False) for f in fields)
    return (
        not automatic
        and all(type(field).pre_save in AS_GIVEN for field in fields)
        and all(field.descriptor_class in DESCRIPTORS for field in fields)
        and (model.__init__, model.__setattr__) == (Model.__init__, Model.__setattr__)
    )


def may_copy(using: str, model: Any) -> bool:
    """Return whether COPY can create rows of a model: on PostgreSQL, in one table."""
    return connections[using].vendor == "postgresql" and len({field.model for field in columns(model)}) == 1


def copied(model: Any) -> list[Any]:
    """Return the fields that COPY sets."""
    return [field for field in columns(model) if not isinstance(field, GeneratedField)]


def copy_columns(using: str, model: Any, values: list[list[Any]]) -> None:
    """Create rows in the caller's transaction from the values of each field in `copied`."""
    connection, fields = connections[using], copied(model)
    names = ", ".join(quoted(field.column) for field in fields)
    statement = f"COPY {quoted(model._meta.db_table)} ({names}) FROM STDIN"
    prepared = [_prepare(*column, connection) for column in zip(fields, values, strict=True)]

    def copy_rows() -> None:
        try:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for row in zip(*prepared, strict=True):
                    copy.write_row(row)
        except psycopg.Error as error:  # as Django's own methods of a cursor do
            names = (kind.__name__ for kind in type(error).__mro__)
            raise next(getattr(db, name) for name in names if hasattr(db, name))(*error.args) from error

    watched(connection, statement, copy_rows)


def _prepare(field: Any, values: list[Any], connection: Any) -> list[Any]:
    """Return what each row stores in a field; a value that all rows share is prepared once."""
    if all(value is values[0] for value in values):
        return [field.get_db_prep_save(values[0], connection)] * len(values)
    if set(map(type, values)) <= SENT_AS_THEY_ARE.get(type(field), set()):
        return values
    return [field.get_db_prep_save(value, connection) for value in values]
