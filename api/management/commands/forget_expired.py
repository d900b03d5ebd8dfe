"""Deletes responses that were stored for retries, and uploads that nobody confirmed."""

from typing import Any

from django.core.management.base import BaseCommand

from api.bulk.uploads import forget_unconfirmed
from api.idempotency import forget_expired


class Command(BaseCommand):
    """Requests delete them too, but only those of owners who go on sending requests."""

    help = "Delete stored responses and unconfirmed uploads that are older than 24 hours. Run it daily."

    def handle(self, **options: Any) -> None:
        """Delete them, and print how many there were."""
        self.stdout.write(f"Deleted {forget_expired()} stored responses.")
        self.stdout.write(f"Deleted {forget_unconfirmed()} unconfirmed uploads.")
