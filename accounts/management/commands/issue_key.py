"""Makes an API key from the shell, for the first user and for scripts that set a service up."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, User


class Command(BaseCommand):
    """Prints the new key, alone, on standard output; it cannot be shown again."""

    help = "Make an API key for a user, and print it; it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user, and what the key may do."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--create-user", action="store_true", help="make the user if there is none")
        parser.add_argument("--name", default="default", help="what the key is for")
        parser.add_argument("--read-only", action="store_true", help="the key may read but not write")
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="default: never")

    def handle(self, **options: Any) -> None:
        """Make the key. Raises CommandError when there is no such user, or a value cannot be taken."""
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 36500:
            raise CommandError(f"--expires-in-days is {days}; it takes 1 to 36500.")
        try:
            with transaction.atomic():
                _, key = ApiKey.issue(
                    self.user(options["username"], create=options["create_user"]),
                    name=options["name"],
                    read_only=options["read_only"],
                    expires_at=timezone.now() + timedelta(days=days) if days else None,
                )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(key)

    def user(self, username: str, *, create: bool) -> User:
        """Return the user, made without a password if there is none and `create` is set."""
        user = User.objects.filter(username=username).first()
        if user is None and create:
            user = User(username=username)
            user.set_unusable_password()
            user.full_clean()
            user.save()
        if user is None:
            raise CommandError(f"there is no user {username!r}; --create-user makes one")
        return user
