"""A backup holds everything, and gives it back unchanged, to either kind of database."""

from datetime import time, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from threading import Thread
from typing import Any, ClassVar, Self
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models, transaction
from django.db.models import Value
from django.test.utils import isolate_apps

from accounts.models import User
from ops.backups.snapshots import take
from ops.backups.tables import BackupError, Table
from simulations.models import Simulation
from tests.base import VALID
from tests.databases import all_rows, comparable, raw_rows
from tests.ops.backups import NAMES, TIME, BackupTestCase, fill, lines_of, rows_of

LEFT_OUT = ("sessions.Session", "api.KeptUpload")


def kept(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {label: found for label, found in rows.items() if label not in LEFT_OUT}


VALUES: list[dict[str, Any]] = [
    {},
    {"decimal": Decimal("1234567890123456789.0000000010"), "json": Value(None, models.JSONField())},
    {
        "double": float("inf"),
        "duration": timedelta(days=-1, microseconds=1),
        "json": {"a": [2**70, None]},
    },
    {"double": 0.1 + 0.2, "time": time(23, 59, 59, 999999), "uuid": UUID(int=2**127), "json": "null"},
    {
        "number": -(2**63),
        "binary": b"",
        "flag": False,
        "address": "2001:db8::1",
        "double": 5e-324,
        "json": 1.5,
    },
    {
        "number": 2**63 - 1,
        "binary": b"\0\xff",
        "flag": True,
        "address": "10.0.0.1",
        "double": -0.0,
        "json": False,
    },
]


class RoundTripTests(BackupTestCase):
    def test_all_is_unchanged_by_way_of_a_file_and_another_database(self) -> None:
        fill("one")
        self.restore(self.backup("one"), "default")
        self.assertEqual(kept(all_rows("default")), kept(all_rows("one")))
        self.restore(self.backup("default"), "two")
        self.assertEqual(kept(raw_rows("two")), kept(raw_rows("one")))
        self.assertEqual(len(raw_rows("two")["simulations.Simulation"]), 2 * len(NAMES))

    def test_sessions_and_unconfirmed_uploads_are_left_out(self) -> None:
        fill("one")
        content = self.backup("one")
        self.assertNotIn("django_session", lines_of(content)[0]["tables"])
        self.restore(content, "two")
        for label in LEFT_OUT:
            self.assertEqual((len(raw_rows("one")[label]) > 0, raw_rows("two")[label]), (True, []))

    def test_an_empty_database_goes_through_as_well(self) -> None:
        self.restore(self.backup("one"), "default")
        self.assertEqual(all_rows("default"), all_rows("one"))

    def test_new_rows_get_numbers_after_those_restored(self) -> None:
        fill("one")
        self.restore(self.backup("one"), "default")
        self.assertEqual(User.objects.create(username="carol").pk, 2**40 + 1)

    def test_tables_have_their_indexes_and_constraints_again(self) -> None:
        fill("one")
        content = self.backup("one")
        for alias in ("default", "two"):
            before = constraints(alias)
            self.restore(content, alias)
            self.assertEqual(constraints(alias), before)

    def test_content_types_are_looked_up_anew(self) -> None:
        fill("one")
        old = ContentType.objects.get_for_model(Simulation).pk
        self.restore(self.backup("one"), "default")
        self.assertNotEqual(ContentType.objects.get_for_model(Simulation).pk, old)
        self.assertEqual(ContentType.objects.get_for_model(Simulation).model, "simulation")

    @isolate_apps("simulations")
    def test_every_kind_of_value_that_a_resource_may_have_is_unchanged(self) -> None:
        class Thing(models.Model):
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
            objects: ClassVar[models.Manager[Self]] = models.Manager()

            class Meta:
                app_label = "simulations"

        for alias in ("default", "one"):
            with self.subTest(alias), connections[alias].schema_editor() as editor:
                editor.create_model(Thing)
            self.addCleanup(drop, alias, Thing)
            for row in VALUES:
                Thing.objects.using(alias).create(**row)
            things, nulls = Thing.objects.using(alias).order_by("pk"), {"json__isnull": True}
            before, without = list(things.values_list()), list(things.filter(**nulls).values_list("pk"))
            read = orjson.loads(orjson.dumps(list(Table(Thing).read(alias))))
            things.delete()
            with transaction.atomic(using=alias):
                Table(Thing).write(alias, read)
            after = list(things.values_list())
            self.assertEqual(
                [[*map(comparable, row)] for row in after], [[*map(comparable, row)] for row in before]
            )
            self.assertEqual(list(things.filter(**nulls).values_list("pk")), without)

    @isolate_apps("simulations")
    def test_a_field_that_no_backup_can_hold_is_refused_at_once(self) -> None:
        class Odd(models.Field):  # type: ignore[type-arg]
            def db_type(self, connection: Any) -> str:
                return "text"

        class Other(models.Model):
            odd = Odd()

            class Meta:
                app_label = "simulations"

        with self.assertRaisesMessage(
            BackupError, "simulations_other.odd is of a kind that no backup can hold."
        ):
            Table(Other)


def constraints(alias: str) -> dict[str, Any]:
    with connections[alias].cursor() as cursor:
        introspection = connections[alias].introspection
        names = introspection.table_names(cursor)
        return {name: introspection.get_constraints(cursor, name) for name in names}


def drop(alias: str, model: type[models.Model]) -> None:
    with connections[alias].schema_editor() as editor:
        editor.delete_model(model)


class Meanwhile(BytesIO):
    """A file during the writing of which somebody else makes a user with a simulation, each time."""

    def __init__(self, alias: str) -> None:
        super().__init__()
        self.alias, self.made = alias, 0

    def write(self, data: Any) -> int:
        thread = Thread(target=self.make)
        thread.start()
        thread.join(30)
        return super().write(data)

    def make(self) -> None:
        try:
            with transaction.atomic(using=self.alias):
                owner = User.objects.using(self.alias).create(username=f"user {self.made}")
                Simulation.objects.using(self.alias).create(owner=owner, **VALID)
            self.made += 1
        finally:
            connections.close_all()


class SnapshotTests(BackupTestCase):
    def test_a_backup_holds_whole_transactions_while_others_write(self) -> None:
        alias = "one" if settings.ON_SQLITE else "default"
        fill(alias)
        content = Meanwhile(alias)
        taken = take(content, alias, StringIO())
        rows = rows_of(content.getvalue())
        owners = {row["owner_id"] for row in rows["simulations_simulation"]}
        self.assertEqual(owners, {row["id"] for row in rows["accounts_user"]})
        self.assertGreater(content.made, 2)
        # What was made before the first row was read is in it, and nothing of the rest.
        self.assertLess(len(owners), User.objects.using(alias).count())
        self.assertEqual(taken.rows, sum(map(len, rows.values())))
        self.restore(content.getvalue(), "two")

    def test_the_file_tells_what_it_holds(self) -> None:
        fill("one")
        header, *_ = lines_of(self.backup("one"))
        self.assertEqual((header["format"], header["version"]), ("goatfish backup 1", settings.VERSION))
        self.assertEqual(header["database"], "sqlite")
        self.assertIn(["simulations", "0001_initial"], header["migrations"])
        self.assertEqual(header["tables"]["simulations_simulation"]["rows"], 2 * len(NAMES))
        row = rows_of(self.backup("one"))["accounts_apikey"][0]
        self.assertEqual((row["digest"], row["expires_at"]), (bytes(range(32)).hex(), TIME.isoformat()))
