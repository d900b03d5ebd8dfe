"""Tidies up after safe retries."""

from typing import Any

from django.core.management.base import BaseCommand

from api.idempotency import forget_expired


class Command(BaseCommand):
    """Deletes what requests delete along the way, of owners who send no more requests too."""

    help = "Delete the answers that were kept for retries longer than 24 hours; run it daily."

    def handle(self, **options: Any) -> None:
        """Delete them, a thousand at a time, and say how many there were."""
        self.stdout.write(f"Deleted {forget_expired()} kept answers.")
