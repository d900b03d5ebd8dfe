"""`manage.py restore FILE`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from ops.backups import FAILURES, restore
from ops.health import migrations_are_missing


class Command(BaseCommand):
    """Reports whether `migrate` has work to do afterwards."""

    help = "Restore a backup into an empty database, before `migrate`."

    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, **options: Any) -> None:
        """Raises CommandError, and then the database is as it was."""
        try:
            restore(options["file"], options["database"])
        except FAILURES as error:
            raise CommandError(str(error).partition("\n")[0]) from error
        if migrations_are_missing(options["database"]):
            self.stdout.write("The backup is from an older version: run manage.py migrate.")
        if options["verbosity"]:
            self.stdout.write(f"Restored {options['file']}.")
