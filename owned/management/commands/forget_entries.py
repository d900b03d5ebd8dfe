"""Keeps the admin's log from growing for ever."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from owned.history import forget_before


class Command(BaseCommand):
    """Deletes entries a batch at a time, so that no request waits for it."""

    help = "Delete the entries of the admin's log that are older than some days; run it daily."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how old an entry may be."""
        parser.add_argument("--days", type=int, default=365, metavar="N", help="default: 365")

    def handle(self, **options: Any) -> None:
        """Delete them, and say how many there were. Raises CommandError for days that cannot be."""
        days = options["days"]
        if not 1 <= days <= 36500:
            raise CommandError(f"--days is {days}; it takes 1 to 36500.")
        self.stdout.write(f"Deleted {forget_before(timezone.now() - timedelta(days=days))} entries.")
