"""Filling tables without their indexes and keys, which are made again in a fraction of the time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

# Foreign keys go first, and come last: they need the keys of other tables.
POSTGRESQL_CONSTRAINTS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE contype IN ('p', 'u') AND conrelid = ANY(%(tables)s::text[]::regclass[])
    OR contype = 'f' AND (conrelid = ANY(%(tables)s::text[]::regclass[])
    OR confrelid = ANY(%(tables)s::text[]::regclass[]))
ORDER BY contype <> 'f', conrelid, conname
"""
POSTGRESQL_INDEXES = """
SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indrelid = ANY(%(tables)s::text[]::regclass[])
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY indexrelid
"""
SQLITE_INDEXES = """
SELECT name, sql FROM sqlite_master
WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN (SELECT value FROM json_each(%s))
"""
MEMORY = 256  # MiB for one index at a time on PostgreSQL, and for pages that are not written yet on SQLite


@contextmanager
def bare(tables: list[str], using: str) -> Iterator[None]:
    """Take the indexes of empty tables away, and make them again as they were; in a transaction.

    Nobody else comes to the tables meanwhile. Raises IntegrityError where the rows break one that is unique.
    """
    with connections[using].cursor() as cursor:
        pairs = postgresql(cursor, tables) if cursor.db.vendor == "postgresql" else sqlite(cursor, tables)
        for drop, _ in pairs:
            cursor.execute(drop)
        yield
        for _, make in reversed(pairs):
            cursor.execute(make)


def postgresql(cursor: Any, tables: list[str]) -> list[tuple[str, str]]:
    """Return the statements that drop each constraint and index, and those that make them."""
    quoted = {"tables": [cursor.db.ops.quote_name(table) for table in tables]}
    cursor.execute(f"SET LOCAL maintenance_work_mem = '{MEMORY}MB'")
    cursor.execute(POSTGRESQL_CONSTRAINTS, quoted)
    constraints: list[tuple[str, str]] = cursor.fetchall()
    cursor.execute(POSTGRESQL_INDEXES, quoted)
    return [*constraints, *cursor.fetchall()]


def sqlite(cursor: Any, tables: list[str]) -> list[tuple[str, str]]:
    """Do the same; SQLite keeps a table's keys within it, so that these stay."""
    cursor.execute(f"PRAGMA cache_size = -{MEMORY * 1024}")
    cursor.execute(SQLITE_INDEXES, [json.dumps(tables)])
    return [(f"DROP INDEX {cursor.db.ops.quote_name(name)}", sql) for name, sql in cursor.fetchall()]
