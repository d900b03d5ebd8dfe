"""Moving to another kind of database with `dumpdata` and `loaddata`, as docs/backups.md says."""

import re
import shlex
from contextlib import ExitStack
from datetime import time, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.test import TransactionTestCase
from django.test.utils import isolate_apps

from accounts.models import User
from tests.databases import add_sqlite, all_rows, comparable, remove_database
from tests.ops.backups import TIME, fill

PAGE = (settings.BASE_DIR / "docs/backups.md").read_text()
VALUES: list[dict[str, Any]] = [
    {},
    {"decimal": Decimal("1234.0000000010"), "double": 5e-324, "flag": False},
    {"double": 0.1 + 0.2, "duration": timedelta(days=-1, microseconds=1), "json": {"a": [2**70, None]}},
    {"double": float("inf"), "time": time(23, 59, 59, 999999), "uuid": UUID(int=2**127), "json": "null"},
    {"number": -(2**63), "binary": b"", "address": "2001:db8::1", "json": 1.5, "text": "\u2028\n\x7f'\\N"},
    {"number": 2**63 - 1, "binary": b"\0\xff", "address": "10.0.0.1", "json": False, "text": ""},
]


def arguments(command: str) -> list[str]:
    """Return the arguments of a command that the page gives."""
    lines = PAGE.replace("\\\n", " ")
    found = re.search(rf"^deploy/manage {command} (.+)$", lines, re.MULTILINE)
    assert found
    return shlex.split(found[1])


class MovingTestCase(TransactionTestCase):
    """`one` and `two` are SQLite files, and `default` is the database of the settings."""

    folder: Path

    def setUp(self) -> None:
        type(self).databases = {"default", "one", "two"}  # Django would look for them at once
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        for alias in ("one", "two"):
            add_sqlite(alias, self.folder / f"{alias}.sqlite3")
            self.addCleanup(remove_database, alias)
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
        self.addCleanup(ContentType.objects.clear_cache)


class MovingTests(MovingTestCase):
    def setUp(self) -> None:
        super().setUp()
        fill("one")

    def dump(self, source: str) -> Path:
        file = self.folder / f"{source}.jsonl"
        *options, _ = arguments("dumpdata")
        call_command("dumpdata", *options, str(file), database=source, verbosity=0)
        return file

    def load(self, file: Path, target: str) -> None:
        if target == DEFAULT_DB_ALIAS:
            call_command("shell", *arguments("shell"), verbosity=0)
        else:  # for which `shell` has no option
            ContentType.objects.using(target).all().delete()
        call_command("loaddata", str(file), database=target, verbosity=0)

    def test_every_row_is_the_same_after_two_moves(self) -> None:
        before = {**moved("one"), "sessions.Session": [], "ops.Backup": []}
        self.load(self.dump("one"), "default")
        self.assertEqual(moved("default"), before)
        self.load(self.dump("default"), "two")
        self.assertEqual(moved("two"), before)
        self.assertEqual(User.objects.create(username="carol").pk, 2**40 + 1)

    def test_a_file_that_was_cut_short_loads_nothing(self) -> None:
        file = self.dump("one")
        file.write_text(file.read_text()[:-50])
        with self.assertRaises(serializers.base.DeserializationError):
            self.load(file, "default")
        self.assertFalse(User.objects.exists())
        self.assertFalse(ContentType.objects.exists())


def moved(alias: str) -> dict[str, list[Any]]:
    """Return all rows, without the numbers of those that only join two others."""
    joins = {
        model._meta.label for model in apps.get_models(include_auto_created=True) if model._meta.auto_created
    }
    found = all_rows(alias)
    return {**found, **{label: sorted(row[1:] for row in found[label]) for label in joins}}


class ValueTests(MovingTestCase):
    @isolate_apps("simulations")
    def test_every_kind_of_value_is_the_same(self) -> None:
        class Thing(models.Model):
            pk = models.CompositePrimaryKey("kind", "at")
            kind = models.CharField(max_length=10)
            at = models.DateTimeField()
            decimal = models.DecimalField(max_digits=30, decimal_places=10, null=True)
            double = models.FloatField(null=True)
            duration = models.DurationField(null=True)
            json = models.JSONField(null=True)
            time = models.TimeField(null=True)
            uuid = models.UUIDField(null=True)
            number = models.BigIntegerField(null=True)
            binary = models.BinaryField(null=True)
            flag = models.BooleanField(null=True)
            address = models.GenericIPAddressField(null=True)
            text = models.TextField(default="ü")
            changed = models.DateTimeField(auto_now=True)
            objects: ClassVar[models.Manager[Self]] = models.Manager()

            class Meta:
                app_label = "simulations"

        apps.register_model("simulations", Thing)  # where a deserializer looks
        self.addCleanup(forget, "simulations", "thing")
        for source, target in (("one", "default"), ("default", "one")):
            with self.subTest(source), ExitStack() as stack:
                for alias in (source, target):
                    with connections[alias].schema_editor() as editor:
                        editor.create_model(Thing)
                    stack.callback(drop, alias, Thing)
                for number, values in enumerate(VALUES):
                    Thing.objects.using(source).create(
                        kind="ü", at=TIME + number * timedelta(microseconds=1), **values
                    )
                text = serializers.serialize("jsonl", Thing.objects.using(source).all())
                for row in serializers.deserialize("jsonl", BytesIO(text.encode()), using=target):
                    row.save(using=target)
                self.assertEqual(rows(Thing, target), rows(Thing, source))
                self.assertEqual(len(rows(Thing, target)), len(VALUES))


def rows(model: Any, alias: str) -> list[list[Any]]:
    return [[*map(comparable, row)] for row in model.objects.using(alias).order_by("at").values_list()]


def drop(alias: str, model: type[models.Model]) -> None:
    with connections[alias].schema_editor() as editor:
        editor.delete_model(model)


def forget(app: str, model: str) -> None:
    del apps.all_models[app][model]
    apps.clear_cache()
