"""`manage.py backup FILE`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from ops.backups import FAILURES, back_up


class Command(BaseCommand):
    """Reports the size of the backup, and records it in the default database."""

    help = "Back up the database to a new file, while the service runs."

    requires_system_checks = []  # a nightly job need not repeat what is wrong with the settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="`replica` reads from REPLICA_URL")

    def handle(self, **options: Any) -> None:
        """Raises CommandError, and then there is no file."""
        try:
            backup = back_up(options["file"], options["database"])
        except FAILURES as error:
            raise CommandError(str(error).partition("\n")[0]) from error
        try:
            backup.save()  # in the default database: a replica is read only
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            self.stderr.write(
                f"Could not record this backup in the database, so checks will miss it: {reason}"
            )
        if options["verbosity"]:
            self.stdout.write(f"Backed up {backup.size:,} bytes to {options['file']}.")
