"""What the tests of backups share: databases with a row of every kind, and empty ones."""

import gzip
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.test import TransactionTestCase

from accounts.models import ApiKey, User
from api.models import KeptAnswer, KeptUpload
from ops.backups.restores import restore
from ops.backups.snapshots import take
from simulations.models import Simulation
from tests.databases import make_database, remove_database

TIME = datetime(2026, 6, 1, 12, 30, 59, 1, UTC)
NAMES = ["Monsoon", "Überschwemmung 🌊", ' "quoted\\" \t\u2028\u200b\x7f\x01', "null", "\\N", "'; --", "0"]


class BackupTestCase(TransactionTestCase):
    """`one` and `two` are SQLite files, and `default` is the database of the settings; all are empty."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.databases = {"default", "one", "two"}  # now that these are not looked for at once
        cls.folder = Path(cls.enterClassContext(TemporaryDirectory()))

    def setUp(self) -> None:
        for alias in ("one", "two"):
            make_database(alias, self.folder / f"{alias}.sqlite3")
            self.addCleanup(remove_database, alias)

    def backup(self, alias: str) -> bytes:
        file = BytesIO()
        take(file, alias, StringIO())
        return file.getvalue()

    def restore(self, content: bytes, alias: str) -> int:
        return restore(BytesIO(content), alias, StringIO())


def fill(alias: str) -> None:
    """Make rows of every table, of every kind of value."""
    alice = User.objects.using(alias).create(
        pk=2**33, username="alice", password="pbkdf2_sha256$1$a$b+/=", last_login=TIME, date_joined=TIME
    )
    bob = User.objects.using(alias).create(pk=2**40, username="bob", is_active=False, is_superuser=True)
    group = Group.objects.using(alias).create(name="Looking after")
    group.permissions.set(Permission.objects.using(alias).order_by("-pk")[:3])
    alice.groups.add(group)
    bob.user_permissions.set(Permission.objects.using(alias).order_by("pk")[:2])
    for number, owner in enumerate((alice, bob)):
        digest = bytes(range(number, number + 32))
        ApiKey.objects.using(alias).create(user=owner, prefix="gf_", digest=digest, expires_at=TIME)
        KeptAnswer.objects.using(alias).create(
            owner=owner,
            key="k" * 255,
            fingerprint=digest,
            status=201,
            headers={"ETag": '"1"', "Location": "/ü"},
            body=b"\0\xff\\",
        )
        KeptUpload.objects.using(alias).create(owner=owner, content=b"x")
        for place, name in enumerate(NAMES):
            Simulation.objects.using(alias).create(
                owner=owner,
                name=name,
                start_date=date(1, 1, 1),
                end_date=date(9999, 12, 31),
                version=2**31 - 1,
                created_at=TIME + timedelta(microseconds=place - 1),
            )
    kind = ContentType.objects.db_manager(alias).get_for_model(Simulation)
    for object_id in (None, "7"):
        LogEntry.objects.using(alias).create(
            user=alice, content_type=kind, object_id=object_id, object_repr="ü", action_flag=CHANGE
        )
    Session.objects.using(alias).create(session_key="secret", session_data="x", expire_date=TIME)


def lines_of(content: bytes) -> list[Any]:
    """Return what the lines of a backup hold."""
    return [orjson.loads(line) for line in gzip.decompress(content).splitlines()]


def rows_of(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table of a backup, as an object for each."""
    header, *lines, _ = lines_of(content)
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if isinstance(line, dict):
            table = line["table"]
            found[table] = []
        else:
            found[table].append(dict(zip(header["tables"][table]["columns"], line, strict=True)))
    return found
