"""Restoring a backup into a database that holds nothing, all or none of it."""

from typing import IO, Any, TextIO

from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import DatabaseError, connections, transaction

from ops.backups.bare_tables import bare
from ops.backups.files import BackupReader
from ops.backups.progress import Progress
from ops.backups.snapshots import applied, unhurried
from ops.backups.tables import MADE_BY_MIGRATE, BackupError, Table, damage, tables
from ops.health import migrations_are_missing


def restore(file: IO[bytes], using: str, show: TextIO) -> int:
    """Restore a backup, and return how many rows it has. Raises BackupError."""
    reader, kept = BackupReader(file), tables()
    with transaction.atomic(using=using, durable=True):
        if connections[using].vendor == "postgresql":
            unhurried(using)
        fits(reader.header, kept, using)
        try:
            rows = load(reader, kept, using, show)
            connections[using].check_constraints()
        except DatabaseError as error:
            said = str(error).partition("\n")[0]  # what PostgreSQL adds in further lines quotes from the row
            raise BackupError(f"The database takes not all of the backup: {said}") from error
    ContentType.objects.clear_cache()
    return rows


def fits(header: dict[str, Any], kept: list[Table], using: str) -> None:
    """Raise BackupError unless a backup and a database have the same migrations, and thus the same tables."""
    if migrations_are_missing(using):
        raise BackupError("The database has not the tables of this version: run manage.py migrate.")
    with damage():
        theirs = {(app, name) for app, name in header["migrations"]}
        columns = {name: table["columns"] for name, table in header["tables"].items()}
        made_by = str(header["version"])
    mine = set(applied(using))
    if theirs != mine:
        app, name = min(theirs ^ mine)
        where = "the backup lacks" if (app, name) in mine else "the database lacks"
        raise BackupError(
            f"The backup was made by version {made_by}: {where} the migration {app}.{name}. "
            "Restore it with that version, then migrate."
        )
    if columns != {table.name: table.columns for table in kept}:
        raise BackupError("The backup has other tables or columns than this version.")


def load(reader: BackupReader, kept: list[Table], using: str, show: TextIO) -> int:
    """Make all rows, and look whether they are those that were written."""
    with damage():
        counts = {name: int(table["rows"]) for name, table in reader.header["tables"].items()}
    progress = Progress(sum(counts.values()), show)
    with bare([table.name for table in kept], using):
        make_room(kept, using)
        for table in kept:
            for rows in reader.rows(table.name, counts[table.name]):
                table.write(using, rows)
                progress.add(len(rows))
        reader.end()
        progress.last("making the indexes")
    progress.end()
    finish(kept, using)
    return progress.done


def make_room(kept: list[Table], using: str) -> None:
    """Delete what migrations alone have made. Raises BackupError where there is more."""
    connection = connections[using]
    for table in kept:
        if table.model not in MADE_BY_MIGRATE and not table.is_empty(using):
            raise BackupError(f"The database is not empty: {table.name} has rows. Restore into a new one.")
    with connection.cursor() as cursor:
        for model in MADE_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608


def finish(kept: list[Table], using: str) -> None:
    """Let new rows have numbers after those restored, and queries the plans that fit."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [table.model for table in kept]):
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE " + ", ".join(connection.ops.quote_name(table.name) for table in kept))
