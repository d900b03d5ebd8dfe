"""`save()`, `delete()` and `change()` of owned models: Django's own, which keep versions."""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from owned.models import Version, VersionConflict
from simulations.models import Simulation
from tests.base import VALID
from tests.databases import add_sqlite, remove_database
from tests.owned.things.cases import ThingTestCase
from tests.owned.things.models import Part, Thing


def versions() -> list[tuple[int, str]]:
    return list(Version.objects.order_by("version").values_list("version", "action"))


class SaveTests(ThingTestCase):
    def test_a_create_keeps_no_version(self) -> None:
        row = self.thing()
        self.assertEqual((row.version, row.updated_at, versions()), (1, row.created_at, []))

    def test_a_change_keeps_the_version_that_it_replaces(self) -> None:
        row = self.thing(name="α")
        row.name = "β"
        row.save()
        self.assertEqual((row.version, versions()), (2, [(1, "created")]))
        kept = Version.objects.get()
        self.assertEqual((kept.state["name"], kept.at), ("α", row.created_at))
        row.change(name="γ")
        self.assertEqual((Thing.objects.get().name, versions()), ("γ", [(1, "created"), (2, "changed")]))

    def test_a_change_without_values_writes_nothing(self) -> None:
        row = self.thing()
        with self.assertNumQueries(0):
            self.assertIs(row.change(), row)
        with self.assertNumQueries(0):
            row.save(update_fields=[])
        self.assertEqual((row.version, versions()), (1, []))

    def test_a_change_of_a_field_that_does_not_exist_is_an_error(self) -> None:
        row = self.thing()
        with self.assertRaises(FieldDoesNotExist):
            row.change(number=1, nmae="b")
        self.assertEqual((Thing.objects.get().version, versions()), (1, []))

    def test_of_two_savers_of_one_version_one_wins(self) -> None:
        self.thing()
        first, second = Thing.objects.get(), Thing.objects.get()
        first.change(name="first")
        with self.assertRaises(VersionConflict):
            second.change(name="second")
        stored = Thing.objects.get()
        self.assertEqual((stored.name, stored.version, second.version), ("first", 2, 1))
        self.assertEqual(versions(), [(1, "created")])
        second.refresh_from_db()
        second.change(name="second")
        self.assertEqual(Thing.objects.get().version, 3)

    def test_a_conflict_leaves_the_transaction_around_it_usable(self) -> None:
        row = self.thing()
        Thing.objects.update(name="first")
        with transaction.atomic():
            with self.assertRaises(VersionConflict):
                row.change(name="second")
            self.thing(name="other")
        self.assertEqual(Thing.objects.count(), 2)

    def test_refreshing_other_fields_does_not_hide_a_conflict(self) -> None:
        row = self.thing()
        Thing.objects.update(name="first")
        row.refresh_from_db(fields=["number"])
        with self.assertRaises(VersionConflict):
            row.save()

    def test_a_row_that_is_gone_cannot_be_saved(self) -> None:
        row = self.thing()
        Thing.objects.get().delete()
        with self.assertRaises(Thing.DoesNotExist):
            row.save()
        self.assertFalse(Thing.objects.exists())

    def test_a_version_cannot_be_forged(self) -> None:
        row = self.thing()
        row.version = 7
        row.save()
        self.assertEqual((row.version, Thing.objects.get().version), (2, 2))

    def test_update_fields_also_write_who_changed_it_and_the_version(self) -> None:
        row = self.thing(number=5)
        Thing.objects.update(changed_by="someone", number=6)
        row = Thing.objects.get()
        row.name, row.number = "b", 99
        row.save(update_fields=["name"])
        stored = Thing.objects.get()
        self.assertEqual((stored.name, stored.number, stored.version), ("b", 6, 3))
        self.assertEqual((stored.changed_by, stored.changed_via), ("", "command"))
        self.assertGreater(stored.updated_at, stored.created_at)

    def test_a_row_with_deferred_fields_is_locked_as_well(self) -> None:
        self.thing(number=5)
        for rows in (
            Thing.objects.only("name"),
            Thing.objects.defer("version"),
            Thing.objects.defer("number"),
        ):
            row = rows.get()
            row.change(name=row.name + "b")
        stored = Thing.objects.get()
        self.assertEqual((stored.name, stored.number, stored.version), ("abbb", 5, 4))
        stale = Thing.objects.only("name", "version").get()
        Thing.objects.update(name="first")
        with self.assertRaises(VersionConflict):
            stale.change(name="second")

    def test_what_fails_leaves_row_and_instance_as_they_were(self) -> None:
        def refuse(**kwargs: Any) -> None:
            raise RuntimeError

        row = self.thing()
        post_save.connect(refuse, sender=Thing)
        try:
            with self.assertRaises(RuntimeError), transaction.atomic():
                row.change(name="b")
        finally:
            post_save.disconnect(refuse, sender=Thing)
        self.assertEqual((row.version, Thing.objects.get().version, versions()), (1, 1, []))
        row.change(name="c")
        self.assertEqual(Thing.objects.get().version, 2)

    def test_auto_now_and_pre_save_work_with_every_write(self) -> None:
        rows = [self.thing(shouted="x") for _ in range(2)]
        self.assertLess(rows[0].made_at, rows[1].made_at)
        self.assertEqual(Thing.objects.filter(shouted="X").count(), 2)
        rows[0].change(shouted="y")
        stored = Thing.objects.get(pk=rows[0].pk)
        self.assertEqual((stored.shouted, stored.made_at), ("Y", rows[0].made_at))
        self.assertGreater(stored.touched_at, rows[1].touched_at)

    def test_a_field_with_its_own_get_db_prep_save_is_stored_as_it_says(self) -> None:
        row = self.thing(secret="plain text")
        row.change(secret="other text")
        ids = Thing.objects.for_owner(self.alice).create_many([{"name": "b", "secret": "bulk text"}])
        stored = str(Version.objects.values_list("state", flat=True).get())
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM things_thing")
            stored += str(cursor.fetchall())
        self.assertNotIn("text", stored)
        secrets = set(Thing.objects.values_list("secret", flat=True))
        self.assertEqual((secrets, len(ids)), ({"other text", "bulk text"}, 1))

    def test_expressions_and_computed_columns_are_values_after_a_save(self) -> None:
        row = self.thing(number=4)
        self.assertEqual((row.level, row.double), (3, 8))
        row.change(number=F("number") + 1)
        self.assertEqual((row.number, row.double, row.version), (5, 10, 2))
        row.change(name="b")
        self.assertEqual(row.double, 10)

    def test_signals_are_sent(self) -> None:
        sent: list[tuple[Any, Any]] = []

        def receive(signal: Any, instance: Any, **kwargs: Any) -> None:
            sent.append((signal, kwargs.get("created")))

        signals = (pre_save, post_save, pre_delete, post_delete)
        for signal in signals:
            signal.connect(receive, sender=Thing)
        try:
            row = Thing.objects.for_owner(self.alice).create(name="a")
            row.change(name="b")
            row.delete()
        finally:
            for signal in signals:
                signal.disconnect(receive, sender=Thing)
        saved = [(pre_save, None), (post_save, True), (pre_save, None), (post_save, False)]
        self.assertEqual(sent, [*saved, (pre_delete, None), (post_delete, None)])

    def test_a_receiver_of_pre_save_can_set_a_field(self) -> None:
        def rename(instance: Thing, **kwargs: Any) -> None:
            instance.name = "renamed"

        pre_save.connect(rename, sender=Thing)
        try:
            self.thing().change(number=1)
        finally:
            pre_save.disconnect(rename, sender=Thing)
        self.assertEqual(Thing.objects.get().name, "renamed")

    def test_a_receiver_of_post_save_can_save_again(self) -> None:
        def save_again(instance: Thing, **kwargs: Any) -> None:
            if instance.number < 2:
                instance.number += 1
                instance.save(update_fields=["number"])

        post_save.connect(save_again, sender=Thing)
        try:
            row = self.thing()
            self.assertEqual((row.number, row.version, Thing.objects.get().version), (2, 3, 3))
            row.number = 0
            row.save()
        finally:
            post_save.disconnect(save_again, sender=Thing)
        row.change(name="b")
        self.assertEqual((Thing.objects.get().version, Version.objects.count()), (7, 6))

    def test_a_field_that_was_not_saved_is_checked_when_it_is(self) -> None:
        row, theirs = self.thing(), self.thing(owner=self.bob)
        row.whole, row.name = self.thing(), "b"
        row.save(update_fields=["name"])
        self.assertIsNone(Thing.objects.get(pk=row.pk).whole)
        row.owner = self.bob
        row.whole = theirs
        row.save(update_fields=["number"])
        row.save()
        stored = Thing.objects.get(pk=row.pk)
        self.assertEqual((stored.owner, stored.whole, stored.version), (self.bob, theirs, 4))

    def test_an_overridden_save_runs(self) -> None:
        Part.saves.clear()
        part = Part.objects.for_owner(self.alice).create(thing=self.thing(), name=" a ")
        part.change(name=" b ")
        self.assertEqual((Part.saves, Part.objects.get().name), (["a", "b"], "b"))

    def test_a_copy_of_a_row_is_a_new_object(self) -> None:
        row = self.thing()
        row.change(name="b")
        first = row.pk
        row.pk, row._state.adding = None, True
        row.save()
        self.assertNotEqual(row.pk, first)
        self.assertEqual((row.version, Thing.objects.count()), (1, 2))
        row.change(name="c")
        self.assertEqual(row.version, 2)

    def test_an_existing_id_is_not_overwritten(self) -> None:
        row = self.thing()
        with self.assertRaises(IntegrityError), transaction.atomic():
            self.thing(id=row.pk, name="b")
        self.assertEqual(Thing.objects.get().name, "a")

    def test_a_loaded_row_with_the_id_of_another_overwrites_nothing(self) -> None:
        row, theirs = self.thing(), self.thing(owner=self.bob, name="theirs")
        row = Thing.objects.get(pk=row.pk)
        row.pk = theirs.pk
        with self.assertRaises(IntegrityError), transaction.atomic():
            row.save()
        stored = Thing.objects.get(pk=theirs.pk)
        self.assertEqual((stored.name, stored.owner, stored.version), ("theirs", self.bob, 1))

    def test_an_id_that_is_used_again_goes_on_after_the_deletion(self) -> None:
        def create() -> Any:
            return Thing.objects.create(id=id, owner=self.alice, name="again")

        def restore() -> Any:
            old.save(force_insert=True)
            return old

        def create_many() -> Any:
            Thing.objects.for_owner(self.alice).create_many([{"name": "new"}, {"id": id, "name": "again"}])
            self.assertEqual(Thing.objects.get(name="new").version, 1)
            return Thing.objects.get(pk=id)

        def bulk_create() -> Any:
            return Thing.objects.bulk_create([Thing(id=id, owner=self.alice, name="again")])[0]

        id, last = self.thing().pk, 1
        for again in (create, restore, create_many, bulk_create):
            old = Thing.objects.get(pk=id)
            Thing.objects.get(pk=id).delete()
            row = again()
            self.assertEqual(row.version, last + 2)
            row.change(number=1)
            last = row.version
            self.assertEqual(Thing.objects.get(pk=id).version, last)
        numbers = Version.objects.filter(object_id=id).order_by("version").values_list("version", flat=True)
        self.assertEqual(list(numbers), list(range(1, last)))

    def test_a_new_row_looks_for_no_versions(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            self.thing()
        self.assertFalse([query["sql"] for query in queries if "owned_version" in query["sql"]])

    def test_related_objects_stay_as_they_are(self) -> None:
        row, friend = self.thing(), self.thing()
        row.friends.add(friend)
        row.change(name="b")
        self.assertEqual([r.pk for r in row.friends.all()], [friend.pk])

    def test_every_statement_names_the_owner(self) -> None:
        row = Thing.objects.for_owner(self.alice).create(name="a")
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            Thing.objects.for_owner(self.alice).get_for_update(row.pk).change(name="b")
        sent = [q["sql"] for q in queries if "things_thing" in q["sql"] and "double" not in q["sql"][:20]]
        self.assertGreaterEqual(len(sent), 3)
        for sql in sent[:3]:
            self.assertIn('"owner_id" = ', sql)


class DeleteTests(ThingTestCase):
    def test_a_delete_keeps_the_last_version_and_who_deleted_it(self) -> None:
        row = self.thing(name="last")
        id = row.pk
        row.change(number=1)
        self.assertEqual(row.delete(), (1, {"things.Thing": 1}))
        self.assertIsNone(row.pk)
        self.assertEqual(versions(), [(1, "created"), (2, "changed"), (3, "deleted")])
        last = Version.objects.get(version=3)
        self.assertEqual((last.object_id, last.state["name"], last.owner), (id, "last", self.alice))
        self.assertGreater(last.at, row.updated_at)

    def test_a_row_that_changed_meanwhile_is_not_deleted(self) -> None:
        row = self.thing()
        Thing.objects.update(name="b")
        with self.assertRaises(VersionConflict), transaction.atomic():
            row.delete()
        self.assertTrue(Thing.objects.exists())

    def test_a_row_that_is_gone_is_deleted_without_an_error(self) -> None:
        row = self.thing()
        Thing.objects.get().delete()
        self.assertEqual(row.delete()[0], 0)

    def test_what_is_deleted_with_it_keeps_its_versions_too(self) -> None:
        row, other = self.thing(), self.thing()
        part = Part.objects.create(owner=self.alice, thing=row, name="p")
        Part.objects.create(owner=self.alice, thing=other, name="q")
        id = row.pk
        row.delete()
        kinds = Version.objects.order_by("kind", "version").values_list("kind", "object_id", "action")
        things = [("things.thing", id, "created"), ("things.thing", id, "deleted")]
        parts = [("things.part", part.pk, "created"), ("things.part", part.pk, "deleted")]
        self.assertEqual(list(kinds), [*parts, *things])
        self.assertEqual(Part.objects.count(), 1)

    def test_what_referred_to_it_gets_a_new_version(self) -> None:
        whole = self.thing()
        row = self.thing(whole=whole)
        whole.delete()
        row.refresh_from_db()
        self.assertEqual((row.whole, row.version), (None, 2))
        self.assertEqual(Version.objects.filter(object_id=row.pk).count(), 1)

    def test_objects_that_refer_to_each_other_can_be_deleted(self) -> None:
        first, second = self.thing(), self.thing()
        first.change(whole=second)
        second.change(whole=first)
        Thing.objects.filter(pk__in=[first.pk, second.pk]).delete()
        self.assertFalse(Thing.objects.exists())
        self.assertEqual(Version.objects.filter(action="deleted").count(), 2)

    def test_with_its_owner_everything_goes(self) -> None:
        self.thing().change(name="b")
        self.thing().delete()
        self.thing(owner=self.bob).delete()
        self.alice.delete()
        self.assertEqual({version.owner for version in Version.objects.all()}, {self.bob})


class ValidationTests(ThingTestCase):
    def assertInvalid(self, error: Any, field: str, code: str) -> None:  # noqa: N802
        self.assertEqual(
            {name: [e.code for e in errors] for name, errors in error.error_dict.items()}, {field: [code]}
        )

    def test_an_integer_that_the_column_cannot_hold_is_refused(self) -> None:
        row = self.thing(number=7)
        for field, number in (("number", 2**63), ("number", -(2**63) - 1), ("small", 2**63), ("small", -1)):
            writes: tuple[Any, ...] = (
                lambda field=field, number=number: self.thing(**{field: number}),
                lambda field=field, number=number: Thing.objects.get(pk=row.pk).change(**{field: number}),
                lambda field=field, number=number: Thing.objects.update(**{field: number}),
                lambda field=field, number=number: Thing.objects.for_owner(self.alice).create_many(
                    [{"name": "a"}, {"name": "b", field: number}]
                ),
            )
            for place, write in enumerate(writes):
                with self.subTest(field, number=number, place=place):
                    with self.assertRaises(ValidationError) as caught:
                        write()
                    self.assertInvalid(caught.exception, field, "out_of_range")
        if connection.vendor == "postgresql":
            with self.assertRaises(ValidationError):
                row.change(number=2**31)
        self.assertEqual([(r.number, r.version) for r in Thing.objects.all()], [(7, 1)])

    def test_a_key_must_be_of_an_object_of_the_same_owner(self) -> None:
        row, mine, theirs = self.thing(), self.thing(), self.thing(owner=self.bob)
        row.change(whole=mine)
        ids = Thing.objects.for_owner(self.alice).create_many([{"name": "b", "whole": mine.pk}])
        self.assertEqual(Thing.objects.get(pk=ids[0]).whole, mine)
        for wrong in (theirs.pk, "2" * 20):
            writes: tuple[Any, ...] = (
                lambda wrong=wrong: self.thing(whole_id=wrong),
                lambda wrong=wrong: row.change(whole=wrong),
                lambda wrong=wrong: Thing.objects.filter(pk=row.pk).update(whole=wrong),
                lambda wrong=wrong: Thing.objects.for_owner(self.alice).create_many(
                    [{"name": "a", "whole_id": mine.pk}, {"name": "b", "whole": wrong}]
                ),
            )
            for place, write in enumerate(writes):
                with self.subTest(wrong, place=place):
                    with self.assertRaises(ValidationError) as caught:
                        write()
                    self.assertInvalid(caught.exception, "whole", "unknown_id")
                    row.refresh_from_db()
        self.assertEqual(Thing.objects.count(), 4)

    def test_a_key_that_did_not_change_costs_no_query(self) -> None:
        row = self.thing(whole=self.thing())
        row = Thing.objects.get(pk=row.pk)
        with self.assertNumQueries(3):  # the copy, the change, the generated column
            row.change(name="b")

    def test_a_new_owner_must_own_what_the_row_refers_to(self) -> None:
        row = self.thing(whole=self.thing())
        with self.assertRaises(ValidationError):
            row.change(owner=self.bob)

    def test_a_new_owner_takes_the_row_and_leaves_its_versions(self) -> None:
        row = self.thing()
        row.change(owner=self.bob)
        row.change(name="b")
        self.assertEqual(Thing.objects.get().owner, self.bob)
        owners = Version.objects.order_by("version").values_list("owner__username", flat=True)
        self.assertEqual(list(owners), ["alice", "bob"])


class ConcurrencyTests(TransactionTestCase):
    """On SQLite in a file of its own: the database of the tests is in memory and has one connection."""

    using = "default"

    @classmethod
    def setUpClass(cls) -> None:
        if connection.vendor == "sqlite":
            cls.using = "writers"
            cls.databases = {"default", "writers"}
            folder = Path(cls.enterClassContext(TemporaryDirectory()))
            add_sqlite(cls.using, folder / "writers.sqlite3")
            cls.addClassCleanup(remove_database, cls.using)
            call_command("migrate", database=cls.using, verbosity=0)
        super().setUpClass()

    def test_of_many_savers_at_once_one_wins_and_one_version_is_kept(self) -> None:
        owner = User.objects.using(self.using).create(username="alice")
        Simulation(owner=owner, **VALID).save(using=self.using)
        for version in range(1, 6):
            self.assertEqual(sorted(self.race(savers=4)), ["conflict"] * 3 + ["won"])
            self.assertEqual(Simulation.objects.using(self.using).get().version, version + 1)
            self.assertEqual(Version.objects.using(self.using).count(), version)

    def race(self, savers: int) -> list[str]:
        """Save the row in many threads, which have all loaded the same version of it."""
        loaded = [Simulation.objects.using(self.using).get() for _ in range(savers)]
        start, outcomes = Barrier(savers), list[str]()

        def save(mine: Simulation) -> None:
            start.wait()
            try:
                mine.change(name=f"by {id(mine)}")
                outcomes.append("won")
            except VersionConflict:
                outcomes.append("conflict")
            finally:
                connections[self.using].close()

        threads = [Thread(target=save, args=[mine]) for mine in loaded]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes
