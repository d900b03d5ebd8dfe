"""The state of a row goes into a version and comes back as it was, whatever its fields are."""

import random
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField

from owned.models import Version
from owned.states import read_states
from tests.owned.things.cases import ThingTestCase
from tests.owned.things.models import Everything

VALUES: dict[str, Any] = {
    "binary": b"\0\xff'\"\\x",
    "boolean": True,
    "text": "α ' \" \\ \n {} [1] %s ☃ 𝔸",
    "date": date(1, 2, 28),
    "datetime": datetime(2026, 3, 1, 23, 59, 59, 999999, UTC),
    "time": time(23, 59, 59, 1),
    "duration": timedelta(days=-3, hours=2, microseconds=7),
    "decimal": Decimal("-1234567890.1234"),
    "real": 0.1 + 0.2,
    "big": -(2**63),
    "address": "2001:db8::1",
    "structure": {"a": [1, 2.5, None, "ß", {"b": False}], "": "x'\"\\"},
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "file": "folder/file.txt",
    "secret": "plain text",
    "choice": "a",
}
OTHERS: list[dict[str, Any]] = [
    {
        "boolean": False,
        "binary": b"",
        "text": "",
        "structure": [],
        "duration": timedelta(0),
        "decimal": Decimal(0),
    },
    {
        "structure": "text",
        "real": -0.0,
        "big": 2**63 - 1,
        "text": "null",
        "duration": timedelta(days=40, seconds=1),
    },
    {"structure": 12345678901234567890, "real": 5e-324, "text": '"', "decimal": Decimal("0.1000")},
    {"structure": False, "real": 1.7976931348623157e308, "datetime": datetime(2026, 1, 1, tzinfo=UTC)},
]


class StateTests(ThingTestCase):
    def assertKept(self, values: dict[str, Any]) -> None:  # noqa: N802
        row = Everything.objects.create(owner=self.alice, **values)
        stored = Everything.objects.get(pk=row.pk)
        Everything.objects.get(pk=row.pk).delete()
        versions = Version.objects.filter(object_id=row.pk)
        found = read_states(Everything, versions, ["version"], 10)
        self.assertEqual(len(found), 2)
        for _, kept in found:
            for field in Everything._meta.concrete_fields:
                before, after = getattr(stored, field.attname), getattr(kept, field.attname)
                with self.subTest(field.name):
                    self.assertEqual((after, type(after)), (before, type(before)))

    def test_every_type_of_field_comes_back_as_it_was(self) -> None:
        for values in (VALUES, {}, *OTHERS):
            self.assertKept(values)

    def test_a_float_comes_back_to_the_last_bit(self) -> None:
        numbers = random.Random(1)
        floats = [struct.unpack("d", numbers.randbytes(8))[0] for _ in range(200)]
        floats = [number for number in floats if number == number]
        Everything.objects.for_owner(self.alice).create_many({"real": number} for number in floats)
        Everything.objects.all().delete()
        found = read_states(Everything, Version.objects.filter(action="deleted"), (), 1000)
        self.assertEqual(sorted(row.real for _, row in found), sorted(floats))

    def test_an_encrypted_column_stays_encrypted(self) -> None:
        Everything.objects.create(owner=self.alice, secret="plain text").delete()
        states = [version.state for version in Version.objects.all()]
        self.assertEqual({state["secret"] for state in states}, {"cGxhaW4gdGV4dA=="})

    def test_a_restored_row_is_the_deleted_one(self) -> None:
        row = Everything.objects.create(owner=self.alice, **VALUES)
        before = Everything.objects.filter(pk=row.pk).values(*VALUES).get()
        row.delete()
        ((made, kept),) = read_states(Everything, Version.objects.filter(action="deleted"), ["version"], 1)
        kept.version = made[0] + 1
        kept.save(force_insert=True)
        kept.change(text="changed again")
        after = Everything.objects.values(*VALUES).get()
        self.assertEqual(after, {**before, "text": "changed again"})
        versions = Version.objects.order_by("version").values_list("version", flat=True)
        self.assertEqual((list(versions), kept.version), ([1, 2, 3], 4))

    def test_a_column_that_a_version_does_not_have_is_null(self) -> None:
        Everything.objects.create(owner=self.alice, text="x").delete()
        Version.objects.update(state={"id": "2" * 20})
        ((_, row),) = read_states(Everything, Version.objects.filter(version=1), (), 1)
        self.assertEqual((row.text, row.datetime, row.pk), (None, None, "2" * 20))
        self.assertIsInstance(Everything._meta.get_field("datetime"), DateTimeField)
