"""Compiled queries give what the ORM's own give, wherever and whenever they are run."""

import contextlib
import gc
from datetime import UTC, date, datetime
from itertools import product
from threading import Thread
from typing import Any
from weakref import ref

from django.db import DatabaseError, connection, connections
from django.db.models import BinaryField, DateTimeField
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.auth import KEY_FIELDS, VALID_KEY
from accounts.keys import digest_of
from accounts.models import ApiKey, User
from api.paging import fetch, page_query
from owned.compiled import Compiled, CompiledUpdate, Parameter
from owned.statements import parameter, select_one, update_one, where
from simulations.models import Simulation
from simulations.schemas import SimulationSelection
from tests.base import issue_key

COLUMNS = [field.attname for field in Simulation._meta.concrete_fields]


class CompiledTests(TestCase):
    alice: User
    bob: User
    row: Simulation
    other: Simulation

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.bob = User.objects.create(username="alice"), User.objects.create(username="bob")
        dates = {"start_date": date(2026, 1, 1), "end_date": date(2026, 1, 2)}
        cls.row = Simulation.objects.create(owner=cls.alice, name="a", **dates)
        cls.other = Simulation.objects.create(owner=cls.bob, name="b", **dates)

    def plain(self, row: Simulation) -> tuple[Any, ...]:
        found: tuple[Any, ...] = Simulation.objects.values_list(*COLUMNS).get(pk=row.pk)
        return found

    def test_one_row_is_what_the_orm_gives(self) -> None:
        for row in (self.row, self.other):
            found = select_one(Simulation).rows(owner=row.owner_id, id=row.pk)
            self.assertEqual([tuple(values) for values in found], [self.plain(row)])
        self.assertEqual(select_one(Simulation).rows(owner=self.bob.pk, id=self.row.pk), [])

    def test_a_page_is_what_the_orm_gives_with_each_filter_and_sort(self) -> None:
        for day, owner in product((1, 2, 3), (self.alice, self.bob)):
            dates = {"start_date": date(2026, 1, day), "end_date": date(2026, 1, day + 1)}
            Simulation.objects.create(owner=owner, name="abc"[day - 1], **dates)
        sent: list[dict[str, Any]] = [{}, {"name": "b"}, {"active_on": "2026-01-02"}, {"q": "b"}]
        sent += [{f"{end}_date__{how}": "2026-01-02"} for end in ("start", "end") for how in ("gte", "lte")]
        sent += [{f"created_at__{how}": self.row.created_at.isoformat()} for how in ("gte", "lt")]
        sent += [{"start_date__lte": "2026-01-02", "end_date__gte": "2026-01-03"}]
        mine, fields = Simulation.objects.for_owner(self.alice), ("id", "name", "start_date", "created_at")
        for filters, sort in product(sent, ("name", "-start_date", "-created_at")):
            selection = SimulationSelection(sort=sort, **filters)
            plain = list(selection.of(mine).values(*fields))
            with self.subTest(filters, sort=sort):
                for _ in range(2):
                    self.assertEqual(fetch(mine, selection, fields, 100, None), (plain, None))
                if plain:
                    place = (str(plain[0][selection.key]), plain[0]["id"])
                    self.assertEqual(fetch(mine, selection, fields, 100, place), (plain[1:], None))

    def test_a_filter_by_one_value_is_built_once(self) -> None:
        sent: list[dict[str, Any]] = [{"name": "a"}, {"active_on": "2026-01-01"}, {"q": "a"}]
        for filters, built in zip(sent, ((1, 2), (1, 2), (0, 0)), strict=True):
            page_query.cache_clear()
            for _ in range(3):
                fetch(
                    Simulation.objects.for_owner(self.alice), SimulationSelection(**filters), ("id",), 1, None
                )
            used = page_query.cache_info()
            self.assertEqual((used.misses, used.hits), built, filters)

    def test_a_key_is_what_the_orm_gives(self) -> None:
        key = issue_key(self.alice, expires_at=datetime(2999, 1, 1, tzinfo=UTC))
        plain = (
            ApiKey.objects.valid()
            .filter(digest=digest_of(key))
            .values_list("id", "user_id", "user__username", *KEY_FIELDS)
        )
        found = VALID_KEY.rows(digest=digest_of(key), now=timezone.now())
        self.assertEqual([tuple(row) for row in found], list(plain))
        self.assertEqual(VALID_KEY.rows(digest=digest_of(key), now=datetime(2999, 1, 1, tzinfo=UTC)), [])

    def test_an_update_changes_the_row_at_its_version_alone(self) -> None:
        field: Any = Simulation._meta.get_field("name")
        update: Any = update_one(Simulation, [(field, None, "new")])
        at = {"owner": self.alice.pk, "id": self.row.pk}
        self.assertEqual(update.write("default", **at, version=2, **{"new name": "new"}), 0)
        self.assertEqual(update.write("default", **at, version=1, **{"new name": "new"}), 1)
        names = Simulation.objects.order_by("name").values_list("name", flat=True)
        self.assertEqual(list(names), ["b", "new"])

    def test_a_time_is_the_same_in_another_time_zone(self) -> None:
        compiled = select_one(Simulation)
        before = compiled.rows(owner=self.alice.pk, id=self.row.pk)
        for zone in ("Asia/Tokyo", "America/New_York"):
            with override_settings(TIME_ZONE=zone), timezone.override(zone):
                self.assertEqual(compiled.rows(owner=self.alice.pk, id=self.row.pk), before)
                self.assertEqual([tuple(before[0])], [self.plain(self.row)])

    def test_what_was_built_in_a_thread_is_gone_with_it(self) -> None:
        compiled = Compiled(lambda: where(Simulation, "owner").values_list("name"))
        seen: list[Any] = []

        def build() -> None:
            with contextlib.suppress(DatabaseError):  # SQLite's database in memory has no tables here
                compiled.rows(owner=0)
            seen.append((ref(connections["default"]), len(vars(compiled.plans))))
            connection.connection.close()  # Django leaves SQLite's in memory open

        thread = Thread(target=build)
        thread.start()
        thread.join()
        gc.collect()
        self.assertEqual([(held(), built) for held, built in seen], [(None, 1)])

    def test_the_orm_builds_once(self) -> None:
        built = []

        def build() -> Any:
            built.append(1)
            return Simulation.objects.filter(pk=parameter(Simulation, "id")).values_list("name")

        compiled = Compiled(build)
        self.assertEqual([tuple(row) for row in compiled.rows(id=self.row.pk)], [("a",)])
        self.assertEqual([tuple(row) for row in compiled.rows(id=self.other.pk)], [("b",)])
        self.assertEqual(len(built), 1)

    def test_parameters_and_constants_keep_their_places(self) -> None:
        field: Any = Simulation._meta.get_field("name")
        before = Parameter("before", DateTimeField())
        rows = Simulation.objects.filter(name="a", created_at__lt=before, version=1).values_list("id")
        compiled = CompiledUpdate([field], lambda: rows)
        new = {"new name": "z", "before": datetime(2999, 1, 1, tzinfo=UTC)}
        self.assertEqual(compiled.write("default", **new), 1)
        self.assertEqual(Simulation.objects.get(pk=self.row.pk).name, "z")

    def test_bytes_are_compared_as_bytes(self) -> None:
        key = issue_key(self.bob)
        compiled = Compiled(
            lambda: ApiKey.objects.filter(digest=Parameter("digest", BinaryField())).values_list("user_id")
        )
        self.assertEqual([tuple(row) for row in compiled.rows(digest=digest_of(key))], [(self.bob.pk,)])


class CursorTests(TransactionTestCase):
    def test_a_cursor_is_kept_until_its_connection_is_closed(self) -> None:
        alice = User.objects.create(username="alice")
        compiled = Compiled(lambda: User.objects.values_list("username"))
        self.assertEqual([tuple(row) for row in compiled.rows()], [("alice",)])
        kept = compiled.run(connection, {})[1]
        self.assertIs(compiled.run(connection, {})[1], kept)
        alice.delete()
        connection.close()
        self.assertEqual(compiled.rows(), [])
        if connection.vendor == "postgresql":  # a database in memory is never closed
            self.assertIsNot(compiled.run(connection, {})[1], kept)

    def test_a_query_that_is_logged_has_a_cursor_of_its_own(self) -> None:
        compiled = Compiled(lambda: User.objects.values_list("username"))
        compiled.rows()
        with self.assertNumQueries(1):
            compiled.rows()
