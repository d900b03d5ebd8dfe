"""Databases for the tests of backups: one with rows of every model, and an empty one."""

import shutil
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import TransactionTestCase

from accounts.models import ApiKey, User
from api.models import PendingUpload, StoredResponse
from ops.models import Backup
from simulations.models import Simulation
from tests.databases import (
    add_postgresql,
    add_sqlite,
    all_rows,
    database_name,
    drop_postgresql,
    remove_database,
)

TIME = datetime(2026, 6, 1, 12, 30, 59, 1, UTC)
NAMES = ["Monsoon", "Überschwemmung 🌊", ' "quoted\\" \t\u2028\u200b\x7f\x01', "null", "\\N", "'; --", "0"]


class BackupTestCase(TransactionTestCase):
    """`full` has rows of every model, and `empty` has no tables; both are of the kind of `default`."""

    on_sqlite = settings.ON_SQLITE
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.databases = {"default", "template", "full", "empty"}  # Django would look for them at once
        cls.folder = Path(cls.enterClassContext(TemporaryDirectory()))
        cls.add("template")
        call_command("migrate", database="template", run_syncdb=True, verbosity=0)
        fill("template")
        remove_database("template")
        if not cls.on_sqlite:
            cls.addClassCleanup(drop_postgresql, "template")

    def setUp(self) -> None:
        for alias, template in (("full", "template"), ("empty", "")):
            self.add(alias, template)
            if not self.on_sqlite:
                self.addCleanup(drop_postgresql, alias)
            self.addCleanup(remove_database, alias)
        self.file = Path(self.enterContext(TemporaryDirectory())) / "goatfish.backup"

    @classmethod
    def add(cls, alias: str, template: str = "") -> None:
        """Create a database that is empty, or a copy of another, in place of an older one."""
        if not cls.on_sqlite:
            add_postgresql(alias, database_name(template) if template else "template0")
            return
        file = cls.folder / f"{alias}.sqlite3"
        for old in cls.folder.glob(f"{file.name}*"):
            old.unlink()
        if template:
            shutil.copyfile(cls.folder / f"{template}.sqlite3", file)
        add_sqlite(alias, file)

    def command(self, name: str, database: str) -> str:
        out = StringIO()
        call_command(name, self.file, database=database, stdout=out)
        return out.getvalue()

    def assert_refused(self, name: str, database: str, message: str) -> None:
        """The command fails with one line, and changes neither the folder nor the database."""
        before = sorted(self.file.parent.iterdir())
        with self.assertRaises(CommandError) as caught:
            self.command(name, database)
        self.assertIn(message, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))
        self.assertEqual(sorted(self.file.parent.iterdir()), before)
        self.assertEqual(connections["empty"].introspection.table_names(), [])
        self.assertFalse(Backup.objects.exists())


def fill(alias: str) -> None:
    """Create rows of every model, with values of every kind.

    Content types and permissions get other ids than those that `migrate` gives them elsewhere.
    """
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("UPDATE auth_permission SET id = id + 1000, content_type_id = content_type_id + 100")
        cursor.execute("UPDATE django_content_type SET id = id + 100")
    ContentType.objects.clear_cache()

    def create(model: Any, **values: Any) -> Any:
        return model._base_manager.using(alias).create(**values)

    alice = create(
        User, pk=2**33, username="alice", password="pbkdf2_sha256$1$a$b+/=", last_login=TIME, date_joined=TIME
    )
    bob = create(User, pk=2**40, username="bob", is_active=False, is_superuser=True)
    group = create(Group, name="Looking after")
    group.permissions.set(Permission.objects.using(alias).order_by("-pk")[:3])
    alice.groups.add(group)
    bob.user_permissions.set(Permission.objects.using(alias).order_by("pk")[:2])
    for number, owner in enumerate((alice, bob)):
        digest = bytes(range(number, number + 32))
        create(ApiKey, user=owner, prefix="gf_", digest=digest, expires_at=TIME)
        headers = {"ETag": '"1"', "Location": "/ü"}
        answer = {"status": 201, "headers": headers, "body": b"\0\xff\\"}
        create(StoredResponse, owner=owner, key="k" * 255, fingerprint=digest, **answer)
        create(PendingUpload, owner=owner, content=b"x")
        for place, name in enumerate(NAMES):
            time = TIME + timedelta(microseconds=place - 1)
            dates = {"start_date": date(1, 1, 1), "end_date": date(9999, 12, 31)}
            simulation = create(
                Simulation, owner=owner, name="draft", **dates, version=2**31 - 2, created_at=time
            )
            simulation.name = name
            simulation.save()
    kind = ContentType.objects.db_manager(alias).get_for_model(Simulation)
    for object_id in (None, "7"):
        entry = {"content_type": kind, "object_id": object_id, "object_repr": "ü"}
        create(LogEntry, user=alice, action_flag=CHANGE, **entry)
    create(Session, session_key="secret", session_data="x", expire_date=TIME)
    create(Backup, taken_at=TIME, size=2**40)
    ContentType.objects.clear_cache()
    assert not {
        label
        for label, rows in all_rows(alias).items()
        if not rows and not label.startswith(("axes.", "example."))
    }
