"""Writes all that the service keeps to one file."""

import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from ops.backups.files import new_file
from ops.backups.snapshots import take
from ops.backups.tables import BackupError
from ops.models import TakenBackup


class Command(BaseCommand):
    """Requests are answered meanwhile, and what they write is not in the file."""

    help = "Back up all tables, as they are at one moment, to a new file; `-` is standard output."

    requires_system_checks = []  # a job of each night says nothing of the settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the file."""
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="default: the only one")

    def handle(self, **options: Any) -> None:
        """Write the file, and note in the database that it was. Raises CommandError, and there is no file."""
        name, using = options["file"], options["database"]
        try:
            with nullcontext(self.pipe()) if name == "-" else new_file(Path(name)) as file:
                taken = take(file, using, sys.stderr)
                file.flush()
        except FileExistsError:
            raise CommandError(f"{name} is there already, and is not overwritten.") from None
        except (BackupError, DatabaseError, OSError) as error:
            raise CommandError(str(error).partition("\n")[0]) from error
        if not any(noted(taken, alias) for alias in dict.fromkeys((using, DEFAULT_DB_ALIAS))):
            self.stderr.write("The database takes no note of the backup, so `manage.py check` will miss it.")
        if options["verbosity"]:
            said = self.stderr if name == "-" else self.stdout
            said.write(f"Backed up {taken.rows:,} rows.", lambda text: text)

    def pipe(self) -> IO[bytes]:
        """Return standard output. Raises CommandError where that is a terminal."""
        if self.stdout.isatty():
            raise CommandError("Standard output is a terminal; send the backup to a file or a pipe.")
        return cast(IO[bytes], self.stdout.buffer)


def noted(taken: TakenBackup, using: str) -> bool:
    """Save the note of a backup; a standby takes none, but its primary does."""
    try:
        taken.save(using=using)
    except DatabaseError:
        return False
    return True
