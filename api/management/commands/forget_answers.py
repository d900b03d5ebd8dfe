"""Tidies up after safe retries, and after uploads that were never confirmed."""

from typing import Any

from django.core.management.base import BaseCommand

from api.bulk.uploads import forget_unconfirmed
from api.idempotency import forget_expired


class Command(BaseCommand):
    """Deletes what requests delete along the way, of owners who send no more requests too."""

    help = "Delete what was kept longer than 24 hours, for retries or until confirmed; run it daily."

    def handle(self, **options: Any) -> None:
        """Delete it, and say how much it was."""
        self.stdout.write(f"Deleted {forget_expired()} kept answers.")
        self.stdout.write(f"Deleted {forget_unconfirmed()} unconfirmed uploads.")
