"""Keeps the versions of changed and deleted objects from growing for ever."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from owned.versions import forget_before


class Command(BaseCommand):
    """Deletes versions in batches, so that no request waits for it."""

    help = "Erase the versions that were replaced, or deleted, more than some days ago; run it daily."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=365, metavar="N", help="default: 365")

    def handle(self, **options: Any) -> None:
        days = options["days"]
        if not 1 <= days <= 36500:
            raise CommandError(f"--days is {days}; it must be between 1 and 36500.")
        self.stdout.write(f"Erased {forget_before(timezone.now() - timedelta(days=days))} versions.")
