"""Writes of many rows that wait for another transaction, which changes one of the rows."""

from collections.abc import Callable
from threading import Thread
from time import monotonic
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.test import TransactionTestCase

from accounts.models import User
from owned.models import Version
from tests.example.models import Place, Sample

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"


class RaceTests(TransactionTestCase):
    def setUp(self) -> None:
        self.alice = User.objects.create(username="alice")
        self.place = Place.objects.create(owner=self.alice, name="here")
        self.row = Sample.objects.create(owner=self.alice, name="a", number=1, place=self.place)

    def race(self, write: Callable[[QuerySet[Sample]], Any], **where: Any) -> list[Any]:
        """Change the row so that it is no longer found, while the other write waits; return its result."""

        def other() -> None:
            try:
                results.append(write(Sample.objects.filter(**where)))
            finally:
                connections.close_all()

        results: list[Any] = []
        thread = Thread(target=other)
        try:
            with transaction.atomic():
                self.row.change(number=5)
                thread.start()
                self.wait_until_blocked()
        finally:
            thread.join()
        return results

    def wait_until_blocked(self) -> None:
        end = monotonic() + 30
        with connection.cursor() as cursor:
            while monotonic() < end:
                cursor.execute(WAITING)
                if cursor.fetchone() != (0,):
                    return
        self.fail("the other write did not wait")

    def assert_the_row_can_be_changed_and_deleted(self) -> None:
        stored = Sample.objects.get()
        self.assertEqual((stored.name, stored.number, stored.version), ("a", 5, 2))
        stored.change(name="b")
        Sample.objects.get().delete()
        versions = Version.objects.filter(object_id=stored.pk or self.row.pk).order_by("version")
        self.assertEqual(list(versions.values_list("version", flat=True)), [1, 2, 3, 4])

    def test_an_update_leaves_a_row_that_it_no_longer_finds(self) -> None:
        self.assertEqual(self.race(lambda rows: rows.update(name="bulk"), number=1), [0])
        self.assert_the_row_can_be_changed_and_deleted()

    def test_a_deletion_leaves_a_row_that_it_no_longer_finds(self) -> None:
        self.assertEqual(self.race(lambda rows: rows.delete()[0], number=1), [0])
        self.assert_the_row_can_be_changed_and_deleted()

    def test_an_update_goes_on_from_the_version_that_it_waited_for(self) -> None:
        self.assertEqual(self.race(lambda rows: rows.update(name="bulk"), place__name="here"), [1])
        stored = Sample.objects.get()
        self.assertEqual((stored.name, stored.number, stored.version), ("bulk", 5, 3))
        kept = Version.objects.filter(object_id=stored.pk).order_by("version")
        self.assertEqual(list(kept.values_list("version", flat=True)), [1, 2])


class ManyRowsTests(TransactionTestCase):
    def test_more_rows_than_a_statement_has_parameters_are_updated(self) -> None:
        alice = User.objects.create(username="alice")
        Place.objects.for_owner(alice).create_many([{"name": "a"}] * 66_000)
        self.assertEqual(Place.objects.update(name="b"), 66_000)
        self.assertEqual(Version.objects.count(), 66_000)
