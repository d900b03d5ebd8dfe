"""Greets whoever starts a new service, with a key and a password that work."""

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
Goatfish has no API key yet, so here is one, of the user "{username}". It is not shown again:

    {key}

Record a simulation with it:

    curl {url}/api/simulations -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}}'

All operations, to be tried out: {url}/api/docs
To see it in the browser, sign in at {url}/ as "{username}" with {password}.
A user for {url}/admin/ is made by: .venv/bin/python manage.py createsuperuser
"""


class Command(BaseCommand):
    """Makes a user who can sign in, and a key; says nothing once the database has any key."""

    help = "Make a user with an API key and a password, and print them, if the database has no key at all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the user who gets the key."""
        parser.add_argument("username", metavar="USERNAME")

    @transaction.atomic  # what could not be printed is not kept
    def handle(self, **options: Any) -> None:
        """Make the key, unless there is one. Raises CommandError when the name cannot be taken."""
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
    """Name the user's password, made here if there is none yet."""
    if user.has_usable_password():
        return "the password you know"
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    return f"the password {password}"


def address() -> str:
    """Return where a client on this machine finds the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
