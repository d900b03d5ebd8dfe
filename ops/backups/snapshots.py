"""Taking a backup: all tables as they are at one moment, in one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO

from django.conf import settings
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from ops.backups.files import BackupWriter
from ops.backups.progress import Progress
from ops.backups.tables import BackupError, tables
from ops.health import migrations_are_missing
from ops.models import TakenBackup


def take(file: IO[bytes], using: str, show: TextIO) -> TakenBackup:
    """Write a backup, and return the note of it, which is not saved. Raises BackupError."""
    kept, writer, taken = tables(), BackupWriter(file), TakenBackup(taken_at=timezone.now())
    with snapshot(using):
        if migrations_are_missing(using):
            raise BackupError(
                "The database has not the tables of this version; take the backup with the version before, "
                "or run manage.py migrate."
            )
        counts = [table.count(using) for table in kept]
        writer.begin(
            version=settings.VERSION,
            taken_at=taken.taken_at,
            database=connections[using].vendor,
            migrations=applied(using),
            tables={
                table.name: {"columns": table.columns, "rows": count}
                for table, count in zip(kept, counts, strict=True)
            },
        )
        taken.rows = sum(counts)
        progress = Progress(taken.rows, show)
        for table in kept:
            for rows in writer.add(table.name, table.read(using)):
                progress.add(rows)
        progress.end()
    writer.end()
    return taken


@contextmanager
def snapshot(using: str) -> Iterator[None]:
    """Read, of all tables, what was there at one moment, while others write."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        with transaction.atomic(using=using, durable=True), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            unhurried(using)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")  # the service's own transactions keep other writers out
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def unhurried(using: str) -> None:
    """Let the transaction on PostgreSQL take its time, whatever limits requests have."""
    with connections[using].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # a pipe may be slow


def applied(using: str) -> list[tuple[str, str]]:
    """Return the migrations that a database has."""
    return sorted(MigrationRecorder(connections[using]).applied_migrations())
