"""Creates the first user, with an API key and a password."""

import secrets
from argparse import ArgumentParser
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import ApiKey, User

WELCOME = """
Created an API key for the user "{username}". It is not shown again:

    {key}

Record a simulation:

    curl {url}/api/simulations -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}}'

Browse and try every operation: {url}/api/docs
To use the web pages, sign in at {url}/ as "{username}" with {password}.
To create a user with access to {url}/admin/, run: .venv/bin/python manage.py createsuperuser
"""


class Command(BaseCommand):
    """Creates a user with an API key and a password. Does nothing if the database has an API key."""

    help = "Create a user with an API key and a password, and print them. Do nothing if any API key exists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the username."""
        parser.add_argument("username", metavar="USERNAME")

    @transaction.atomic  # if printing fails, nothing is stored
    def handle(self, **options: Any) -> None:
        """Create the user and the key. Raises CommandError if the username is invalid."""
        if ApiKey.objects.exists():
            return
        key = StringIO()
        call_command("issue_key", options["username"], create_user=True, name="first run", stdout=key)
        user = User.objects.get(username=options["username"])
        self.stdout.write(
            WELCOME.format(
                username=user, key=key.getvalue().strip(), password=password_of(user), url=address()
            )
        )


def password_of(user: User) -> str:
    """Return a phrase that gives the user's password. Sets one if the user has none."""
    if user.has_usable_password():
        return "your existing password"
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    return f"the password {password}"


def address() -> str:
    """Return the URL of the service for a client on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
