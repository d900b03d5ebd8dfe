"""Reads a backup into a new database."""

import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from ops.backups.restores import restore
from ops.backups.tables import BackupError


class Command(BaseCommand):
    """Restores all of a backup or, where anything is wrong with it, nothing."""

    help = "Restore a backup into a database that was migrated and holds nothing; `-` is standard input."

    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the file."""
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="default: the only one")

    def handle(self, **options: Any) -> None:
        """Restore it. Raises CommandError, and the database is as it was."""
        name = options["file"]
        try:
            with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
                rows = restore(file, options["database"], sys.stderr)
        except (BackupError, DatabaseError, OSError) as error:
            raise CommandError(str(error).partition("\n")[0]) from error
        if options["verbosity"]:
            self.stdout.write(f"Restored {rows:,} rows.")
