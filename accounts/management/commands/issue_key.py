"""Creates an API key from the shell, for the first user and for provisioning scripts."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, User


class Command(BaseCommand):
    """Creates an API key and prints only the key on standard output."""

    help = "Create an API key for a user and print it. The key cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the user and the fields of the key."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--create-user", action="store_true", help="create the user if it does not exist")
        parser.add_argument("--name", default="default", help='what the key is used for (default: "default")')
        parser.add_argument("--read-only", action="store_true", help="create a key that can only read")
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="default: no expiry")

    def handle(self, **options: Any) -> None:
        """Create the key. Raises CommandError if the user does not exist or a value is invalid."""
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 36500:
            raise CommandError(f"--expires-in-days must be from 1 to 36500, not {days}.")
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
        """Return the user. If it does not exist and `create` is set, create it without a password."""
        user = User.objects.filter(username=username).first()
        if user is None and create:
            user = User(username=username)
            user.set_unusable_password()
            user.full_clean()
            user.save()
        if user is None:
            raise CommandError(f"User {username!r} does not exist. Use --create-user to create it.")
        return user
