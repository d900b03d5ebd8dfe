"""The querysets of owned models: Django's own, which keep versions and know whose rows they are."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, NotSupportedError, connection, transaction
from django.db.models import F, Subquery, Value
from django.db.transaction import TransactionManagementError
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from owned.compiled import Compiled
from owned.models import OwnedModel, Version
from owned.postgresql.copying import BATCH
from owned.querysets import OwnedQuerySet
from owned.statements import parameter, where
from owned.validation import SHARED
from simulations.models import Simulation
from tests.owned.things.cases import ThingTestCase
from tests.owned.things.models import Everything, Notice, Part, Thing


class OwnerTests(ThingTestCase):
    def test_the_shared_fields_are_those_of_the_base_model(self) -> None:
        self.assertEqual(SHARED, {field.name for field in OwnedModel._meta.get_fields()})

    def test_an_owner_sees_their_own_rows_alone(self) -> None:
        mine, theirs = self.thing(), self.thing(owner=self.bob)
        rows = Thing.objects.for_owner(self.alice)
        self.assertEqual((list(rows), rows.count(), rows.filter(name="a").count()), ([mine], 1, 1))
        self.assertEqual(rows.get(pk=mine.pk), mine)
        self.assertEqual(rows.get(id=mine.pk).name, "a")
        for key in ("pk", "id"):
            with self.assertRaises(Thing.DoesNotExist):
                rows.get(**{key: theirs.pk})
        caller = SimpleNamespace(owner_id=self.bob.pk)
        self.assertEqual(list(Thing.objects.for_owner(caller)), [theirs])

    def test_a_filter_before_or_after_counts(self) -> None:
        row = self.thing()
        narrowed: tuple[Any, ...] = (
            OwnedQuerySet(Thing).filter(name="b").for_owner(self.alice),
            Thing.objects.for_owner(self.alice).filter(name="b"),
            Thing.objects.for_owner(self.alice).exclude(name="a"),
            Thing.objects.for_owner(self.alice).none(),
        )
        for rows in narrowed:
            with self.assertRaises(Thing.DoesNotExist):
                rows.get(pk=row.pk)

    def test_get_takes_whatever_djangos_takes(self) -> None:
        row = self.thing(number=4)
        rows = Thing.objects.for_owner(self.alice)
        self.assertEqual(rows.get(), row)
        self.assertEqual(rows.get(pk=row.pk, number=4), row)
        self.assertEqual(rows.get(number__gt=F("level")), row)
        with self.assertRaises(Thing.DoesNotExist):
            rows.get(pk=row.pk, number=5)

    def test_an_impossible_id_costs_no_query(self) -> None:
        with self.assertNumQueries(0):
            for id in ("", "x", "2" * 19 + "\0", "2" * 21):
                with self.assertRaises(Thing.DoesNotExist):
                    Thing.objects.for_owner(self.alice).get(pk=id)

    def test_a_manager_that_depends_on_the_time_is_not_frozen(self) -> None:
        now = timezone.now()
        row = Notice.objects.create(owner=self.alice, until=now + timedelta(hours=1))
        rows = Notice.objects.for_owner(self.alice)
        self.assertEqual(rows.get(pk=row.pk), row)
        Notice.objects.filter(pk=row.pk).update(until=now)
        with self.assertRaises(Notice.DoesNotExist):
            Notice.objects.for_owner(self.alice).get(pk=row.pk)
        with self.assertRaises(Notice.DoesNotExist), transaction.atomic():
            Notice.objects.for_owner(self.alice).get_for_update(row.pk)
        made = Notice.objects.for_owner(self.bob).create(until=now)
        self.assertEqual(made.owner, self.bob)

    def test_create_fills_the_owner_in(self) -> None:
        row = Thing.objects.for_owner(self.bob).create(name="b", whole=None)
        self.assertEqual((row.owner, Thing.objects.get().owner), (self.bob, self.bob))
        whole = Thing.objects.for_owner(self.bob).create(name="c", whole=row.pk)
        self.assertEqual(whole.whole, row)

    def test_get_for_update_finds_as_get_does(self) -> None:
        row = self.thing()
        with transaction.atomic():
            self.assertEqual(Thing.objects.for_owner(self.alice).get_for_update(row.pk), row)
            with self.assertRaises(Thing.DoesNotExist):
                Thing.objects.for_owner(self.bob).get_for_update(row.pk)

    def test_the_owner_stays_with_what_is_made_of_the_rows(self) -> None:
        rows = Thing.objects.for_owner(self.alice)
        made = [
            rows.update_or_create(name="a")[0],
            rows.get_or_create(name="b")[0],
            rows.select_for_update().create(name="c"),
            rows.filter(name="d").create(name="d"),
            *rows.bulk_create([Thing(name="e"), Thing(name="f", owner=self.bob)]),
        ]
        ids = rows.create_many([{"name": "g", "owner": self.bob}, {"name": "h", "owner_id": self.bob.pk}])
        made += Thing.objects.filter(pk__in=ids)
        self.assertEqual([row.owner for row in made], [self.alice] * 8)
        self.assertEqual(rows.count(), 8)

    def test_no_name_of_the_owner_in_an_item_overrides_for_owner(self) -> None:
        dates = {"start_date": date(2026, 1, 1), "end_date": date(2026, 1, 2)}
        both = {"owner_id": self.alice.pk, "owner": self.bob}
        for model, values in ((Thing, {"name": "a"}), (Simulation, {"name": "a", **dates})):
            rows = model.objects.for_owner(self.alice)
            rows.create_many([{**values, **both}, {**values, "owner": self.bob}])
            self.assertEqual((rows.count(), model.objects.count()), (2, 2), model)


class LockTests(TransactionTestCase):
    def test_get_for_update_needs_a_transaction(self) -> None:
        from accounts.models import User

        if connection.vendor == "sqlite":
            return  # it has no locks on rows
        rows = Simulation.objects.for_owner(User.objects.create(username="alice"))
        for _ in range(2):
            with self.assertRaises(TransactionManagementError):
                rows.get_for_update("2" * 20)
            with self.assertRaises(Simulation.DoesNotExist), transaction.atomic():
                rows.get_for_update("2" * 20)


class ManyTests(ThingTestCase):
    def create(self, *items: Any) -> list[Thing]:
        ids = Thing.objects.for_owner(self.alice).create_many(items)
        rows = Thing.objects.in_bulk(ids)
        return [rows[id] for id in ids]

    def test_rows_are_made_of_mappings_and_of_objects(self) -> None:
        whole = self.thing()
        given = SimpleNamespace(name="b", number=5, whole=whole.pk, unknown=1, id="no", owner_id=self.bob.pk)
        one, two, three = self.create({"name": "a"}, given, {"name": "c", "whole": whole})
        self.assertEqual([row.name for row in (one, two, three)], ["a", "b", "c"])
        self.assertEqual((two.number, two.double, two.whole, two.owner), (5, 10, whole, self.alice))
        self.assertEqual((one.whole, three.whole, one.number, one.level), (None, whole, 0, 3))

    def test_each_is_a_microsecond_older_than_the_one_before(self) -> None:
        rows = self.create(*({"name": str(n)} for n in range(3)))
        self.assertEqual(rows[0].created_at - rows[2].created_at, timedelta(microseconds=2))
        self.assertEqual([row.updated_at for row in rows], [row.created_at for row in rows])
        newest = Thing.objects.order_by("-created_at").values_list("name", flat=True)
        self.assertEqual(list(newest), ["0", "1", "2"])

    def test_pre_save_runs_for_every_row(self) -> None:
        before = timezone.now()
        rows = self.create({"name": "a", "shouted": "x"}, {"name": "b", "shouted": "y"})
        self.assertEqual([row.shouted for row in rows], ["X", "Y"])
        for row in rows:
            self.assertLess(before, row.made_at)
            self.assertLess(before, row.touched_at)

    def test_rows_say_who_made_them(self) -> None:
        (row,) = self.create({"name": "a"})
        self.assertEqual((row.changed_by, row.changed_via, row.changed_request), ("", "command", "-"))

    def test_values_that_are_refused_leave_the_callers_transaction_usable(self) -> None:
        with transaction.atomic():
            with self.assertRaises(ValidationError):
                Thing.objects.for_owner(self.alice).create_many([{"name": "a", "number": 2**70}])
            with self.assertRaises(ValidationError):
                Part.objects.for_owner(self.alice).create_many([{"thing_id": "2" * 20, "name": "a"}])
            self.assertEqual(Thing.objects.count(), 0)

    def test_all_or_none_are_made(self) -> None:
        duplicate = Thing.objects.for_owner(self.alice).create(name="a").pk
        rows = [{"name": "b"}, {"name": "c", "id": duplicate}]
        with self.assertRaises(IntegrityError), transaction.atomic():
            Thing.objects.for_owner(self.alice).create_many(rows)
        self.assertEqual(Thing.objects.count(), 1)
        self.assertEqual(Thing.objects.for_owner(self.alice).create_many([]), [])

    def test_bulk_create_is_djangos_with_the_same_checks(self) -> None:
        Thing.objects.bulk_create([Thing(owner=self.alice, name="a"), Thing(owner=self.bob, name="b")])
        self.assertEqual(Thing.objects.count(), 2)
        with self.assertRaises(ValidationError):
            Thing.objects.bulk_create([Thing(owner=self.alice, name="a", small=-1)])
        with self.assertRaises(NotSupportedError):
            Thing.objects.bulk_create(
                [Thing(owner=self.alice)], update_conflicts=True, unique_fields=["id"], update_fields=["name"]
            )

    def test_more_rows_are_written_than_a_statement_has_parameters_for(self) -> None:
        day = date(2026, 1, 1)
        rows = [Simulation(owner=self.alice, name="a", start_date=day, end_date=day) for _ in range(10_000)]
        Simulation.objects.bulk_create(rows)
        self.assertEqual(Simulation.objects.count(), len(rows))
        few = rows[: BATCH + 1]
        with CaptureQueriesContext(connection) as captured:
            Simulation.objects.bulk_update(few, ["name"])
        updates = [query for query in captured.captured_queries if query["sql"].startswith("UPDATE")]
        self.assertGreaterEqual(len(updates), 2)

    def test_many_rows_of_every_type_are_what_create_makes(self) -> None:
        from tests.owned.test_states import VALUES

        (id,) = Everything.objects.for_owner(self.alice).create_many([VALUES])
        one = Everything.objects.for_owner(self.alice).create(**VALUES)
        many = Everything.objects.get(pk=id)
        one.refresh_from_db()
        for name in VALUES:
            self.assertEqual(getattr(many, name), getattr(one, name), name)


class UpdateTests(ThingTestCase):
    def test_an_update_keeps_the_version_of_each_row(self) -> None:
        rows = [self.thing(number=n) for n in range(3)]
        self.assertEqual(
            Thing.objects.filter(number__gte=1).order_by("name").update(number=F("number") + 5), 2
        )
        found = Thing.objects.order_by("number").values_list("number", "version", "double")
        self.assertEqual(list(found), [(0, 1, 0), (6, 2, 12), (7, 2, 14)])
        kept = Version.objects.order_by("state__number").values_list("object_id", "version", "action")
        self.assertEqual(list(kept), [(row.pk, 1, "created") for row in rows[1:]])
        changed = Thing.objects.get(pk=rows[1].pk)
        self.assertGreater(changed.updated_at, changed.created_at)

    def test_a_row_that_comes_between_the_copy_and_the_update_stays_as_it_is(self) -> None:
        def come_between(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith("UPDATE") and not late:
                late.append(0)
                late.append(self.thing(number=1))
            return execute(sql, *args)

        late: list[Any] = []
        row = self.thing(number=1)
        with connection.execute_wrapper(come_between):
            Thing.objects.filter(number=1).update(number=2)
        self.assertEqual(Thing.objects.get(pk=row.pk).number, 2)
        self.assertEqual((Thing.objects.get(pk=late[1].pk).number, Version.objects.count()), (1, 1))

    def test_bulk_update_and_update_or_create_keep_versions(self) -> None:
        rows = [self.thing(), self.thing()]
        for row in rows:
            row.name = "b"
        Thing.objects.bulk_update(rows, ["name"])
        Thing.objects.update_or_create(pk=rows[0].pk, defaults={"name": "c"})
        names = list(Thing.objects.order_by("name").values_list("name", "version"))
        self.assertEqual((names, Version.objects.count()), ([("b", 2), ("c", 3)], 3))

    def test_bulk_update_refuses_integers_that_the_column_cannot_hold(self) -> None:
        row = self.thing(number=7)
        row.number = 2**63 + 1
        with self.assertRaises(ValidationError) as caught:
            Thing.objects.bulk_update([row], ["number"])
        self.assertEqual(caught.exception.error_dict["number"][0].code, "out_of_range")
        self.assertEqual(Thing.objects.get().number, 7)

    def test_no_update_refers_to_the_object_of_someone_else(self) -> None:
        def bulk_update(whole: Any) -> int:
            row = rows.get()
            row.whole = whole
            return Thing.objects.bulk_update([row], ["whole"])

        mine, theirs = self.thing(), self.thing(owner=self.bob)
        rows = Thing.objects.filter(pk=self.thing().pk)
        writes: tuple[Any, ...] = (
            bulk_update,
            lambda whole: rows.update(whole=whole),
            lambda whole: rows.update(whole_id=Value(whole.pk)),
            lambda whole: rows.update(whole=Subquery(Thing.objects.filter(pk=whole.pk).values("pk"))),
            lambda whole: rows.update(whole=whole, owner=whole.owner if whole == mine else self.alice),
        )
        for place, write in enumerate(writes):
            with self.subTest(place):
                self.assertEqual(write(mine), 1)
                with self.assertRaises(ValidationError) as caught, transaction.atomic():
                    write(theirs)
                self.assertEqual(caught.exception.error_dict["whole"][0].code, "unknown_id")
                self.assertEqual(rows.get().whole, mine)
        with self.assertRaises(ValidationError):
            rows.update(whole=5)
        self.assertEqual(rows.update(whole=None), 1)

    def test_an_update_of_the_owner_checks_what_the_rows_refer_to(self) -> None:
        row = self.thing(whole=self.thing())
        rows = Thing.objects.filter(pk=row.pk)
        for owner in (self.bob, self.bob.pk, Value(self.bob.pk)):
            with self.assertRaises(ValidationError):
                rows.update(owner=owner)
        theirs = self.thing(owner=self.bob)
        self.assertEqual(rows.update(owner=self.bob, whole=theirs), 1)
        self.assertEqual((rows.get().owner, rows.get().whole), (self.bob, theirs))

    def test_a_key_of_a_saved_row_is_no_expression(self) -> None:
        theirs, row = self.thing(owner=self.bob), self.thing()
        with self.assertRaises(ValidationError):
            row.change(whole_id=Value(theirs.pk))
        with self.assertRaises(ValidationError):
            Thing.objects.for_owner(self.alice).create_many([{"name": "a", "whole_id": Value(theirs.pk)}])
        self.assertEqual(Thing.objects.filter(whole=theirs).count(), 0)

    def test_a_slice_cannot_be_updated_or_deleted(self) -> None:
        self.thing()
        for write in (
            lambda: Thing.objects.all()[:1].update(name="b"),
            lambda: Thing.objects.all()[:1].delete(),
        ):
            with self.assertRaises(TypeError), transaction.atomic():
                write()
        self.assertEqual((Thing.objects.get().name, Version.objects.count()), ("a", 0))

    def test_rows_found_through_joins_and_groups_are_updated_and_deleted(self) -> None:
        whole = self.thing(name="whole")
        self.thing(whole=whole)
        joined = Thing.objects.filter(whole__name="whole").distinct().select_related("whole")
        self.assertEqual(joined.update(name="b"), 1)
        self.assertEqual(Thing.objects.filter(whole__name="whole").delete()[0], 1)
        self.assertEqual(list(Thing.objects.all()), [whole])
        self.assertEqual(Version.objects.count(), 3)

    def test_nothing_to_update_or_delete_writes_nothing(self) -> None:
        self.assertEqual(Thing.objects.none().update(name="b"), 0)
        self.assertEqual(Thing.objects.filter(pk__in=[]).delete()[0], 0)
        self.assertEqual(Version.objects.count(), 0)

    def test_a_deletion_keeps_the_last_version_of_each_row(self) -> None:
        for number in range(3):
            self.thing(number=number)
        self.assertEqual(Thing.objects.filter(number__lt=2).delete(), (2, {"things.Thing": 2}))
        kept = Version.objects.order_by("version").values_list("version", "action")
        self.assertEqual(list(kept), [(1, "created")] * 2 + [(2, "deleted")] * 2)


class ParameterTests(ThingTestCase):
    def test_an_integer_beyond_the_column_compares_as_a_number(self) -> None:
        row = self.thing(number=7)
        for lookup, number, kept in (
            ("gte", 2**31, False),
            ("lt", 2**31, True),
            ("gte", 2**64, False),
            ("lte", 10**30, True),
            ("gt", -(2**31) - 1, True),
            ("lt", -(2**70), False),
            ("exact", 2**32 + 7, False),
            ("exact", 7, True),
        ):
            rows = self.compiled(lookup)
            with self.subTest(lookup, number=number):
                for _ in range(3):  # the third time, PostgreSQL has prepared the statement
                    found = [id for (id,) in rows.rows(owner=self.alice.pk, number=number)]
                    self.assertEqual(found, [row.pk] if kept else [])

    def compiled(self, lookup: str) -> Compiled:
        compared = {f"number__{lookup}": parameter(Thing, "number")}
        return Compiled(lambda: where(Thing, "owner").filter(**compared).values_list("id"))
