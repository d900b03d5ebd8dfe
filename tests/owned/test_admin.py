"""The admin of owned resources, on the resource at hand: what keeps it quick with many rows."""

from datetime import UTC, datetime

from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from owned.admin.base import OwnedAdmin
from owned.admin.lists import CappedPaginator
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

LIST = "/admin/simulations/simulation/"


class OwnedAdminTests(AdminTestCase):
    def created(self, *times: str) -> None:
        for time in times:
            self.simulation(name=time, created_at=datetime.fromisoformat(time).replace(tzinfo=UTC))

    def queries(self, path: str) -> list[str]:
        self.client.get(path)
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.client.get(path).status_code, 200)
        return [query["sql"] for query in queries]

    def test_a_count_stops_at_the_cap(self) -> None:
        Simulation.objects.bulk_create(
            Simulation(owner=self.alice, **VALID) for _ in range(CappedPaginator.CAP + 5)
        )
        response = self.client.get(LIST)
        self.assertEqual(response.context["cl"].result_count, CappedPaginator.CAP)
        self.assertContains(response, "Search or filter to find others")
        self.assertEqual(self.client.get(f"{LIST}?p=100").status_code, 200)
        self.assertRedirects(self.client.get(f"{LIST}?p=101"), f"{LIST}?e=1")
        searched = self.client.get(f"{LIST}?q=monsoon").context["cl"]
        self.assertEqual((searched.result_count, len(searched.result_list)), (CappedPaginator.CAP, 100))

    def test_a_count_below_the_cap_is_exact(self) -> None:
        self.created("2026-01-01", "2026-01-02")
        response = self.client.get(LIST)
        self.assertEqual(response.context["cl"].result_count, 2)
        self.assertNotContains(response, "Search or filter to find others")

    def test_every_count_is_limited(self) -> None:
        self.created("2024-01-01", "2026-01-02")
        counts = [sql for path in (LIST, f"{LIST}?q=2024") for sql in self.queries(path) if "COUNT(" in sql]
        self.assertEqual(len(counts), 2, counts)
        for sql in counts:
            self.assertIn(f"LIMIT {CappedPaginator.CAP}", sql)

    def test_queries_do_not_grow_with_rows(self) -> None:
        paths = (
            LIST,
            f"{LIST}?q=monsoon",
            f"{LIST}?created_at__year=2026",
            f"{LIST}?created_at__year=2026&created_at__month=1",
        )

        def grow_to(count: int) -> list[int]:
            for number in range(Simulation.objects.count(), count):
                owner = User.objects.create(username=f"user{number}")
                created_at = datetime(2025 + number % 2, 1, 1 + number, tzinfo=UTC)
                self.simulation(owner, name=f"Monsoon {number}", created_at=created_at)
            return [len(self.queries(path)) for path in paths]

        self.assertEqual(grow_to(3), grow_to(30))

    def test_only_the_indexed_column_offers_to_sort(self) -> None:
        self.created("2026-01-01")
        self.assertContains(self.client.get(LIST), 'class="sortable', count=1)

    def test_a_search_reads_all_rows_once(self) -> None:
        self.created("2023-05-01", "2024-05-01")
        searches = [sql for sql in self.queries(f"{LIST}?q=2024") if "LIKE" in sql]
        self.assertEqual(len(searches), 1, searches)

    def test_an_empty_table_has_a_page(self) -> None:
        self.assertEqual(self.client.get(LIST).status_code, 200)

    def test_an_action_is_kept_to_the_ticked_rows(self) -> None:
        self.created("2026-01-01", "2026-01-02", "2026-01-03")
        ticked = Simulation.objects.get(name="2026-01-02")
        data = {
            "action": "delete_selected",
            "select_across": "1",
            "_selected_action": [ticked.pk],
            "post": "yes",
        }
        self.client.post(LIST, data)
        self.assertEqual(Simulation.objects.count(), 2)
        self.assertFalse(Simulation.objects.filter(pk=ticked.pk).exists())

    def test_no_page_offers_all_rows_for_an_action(self) -> None:
        Simulation.objects.bulk_create(Simulation(owner=self.alice, **VALID) for _ in range(101))
        self.assertNotContains(self.client.get(LIST), "Select all 101")

    def test_the_base_is_enough_for_another_resource(self) -> None:
        class AnotherAdmin(OwnedAdmin):
            list_display = ["id", "owner", "created_at"]

        site = admin.AdminSite()
        site.register(User, admin.ModelAdmin, search_fields=["username"])
        site.register(Simulation, AnotherAdmin)
        self.assertEqual(site.get_model_admin(Simulation).check(), [])
