"""Exports from the admin, on the resource at hand."""

import csv
import tracemalloc
from io import StringIO
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from simulations.models import Simulation
from tests.admin import AdminTestCase
from tests.base import VALID

LIST = "/admin/simulations/simulation/"
EXPORT = f"{LIST}export/"


class AdminExportTests(AdminTestCase):
    def read(self, response: Any) -> list[dict[str, str]]:
        self.assertEqual((response.status_code, response["Content-Type"]), (200, "text/csv; charset=utf-8"))
        body = b"".join(response.streaming_content).decode()
        return list(csv.DictReader(StringIO(body, newline="")))

    def exported(self, query: str = "") -> list[str]:
        return [row["name"] for row in self.read(self.client.get(f"{EXPORT}?{query}"))]

    def tick(self, *rows: Simulation, **data: Any) -> Any:
        ticked = [row.pk for row in rows]
        data = {"action": "export_ticked", "index": 0, "_selected_action": ticked, **data}
        return self.client.post(LIST, data, follow=True)

    def test_every_column_is_exported_with_the_owners_name(self) -> None:
        row = self.simulation()
        self.call("PATCH", f"/api/simulations/{row.pk}", {"name": "Dry season"})
        shown = self.call("GET", f"/api/simulations/{row.pk}").json()
        response = self.client.get(EXPORT)
        self.assertEqual(response["Content-Disposition"], 'attachment; filename="simulations.csv"')
        self.assertTrue(response.streaming)
        stamps = {"changed_by": "alice", "changed_key": self.key[:11], "changed_via": "api"}
        (exported,) = self.read(response)
        self.assertEqual(len(exported.pop("changed_request")), 32)
        self.assertEqual(exported, {**shown, "owner_username": "alice", "version": "2", **stamps})

    def test_the_list_leads_to_the_export_of_what_it_keeps(self) -> None:
        for number in range(3):
            self.simulation(name=f"Monsoon {number}")
        self.simulation(name="Dry season")
        page = self.client.get(f"{LIST}?q=monsoon&start_date__gte=2026-01-01")
        self.assertContains(page, f'href="{EXPORT}?q=monsoon&amp;start_date__gte=2026-01-01"')
        kept = self.exported("q=monsoon&start_date__gte=2026-01-01")
        self.assertEqual(kept, ["Monsoon 2", "Monsoon 1", "Monsoon 0"])
        self.assertEqual(self.exported("q=bob"), [])
        self.assertEqual(self.exported("created_at__year=2020"), [])

    def test_all_pages_are_exported(self) -> None:
        Simulation.objects.bulk_create(Simulation(owner=self.alice, **VALID) for _ in range(250))
        self.assertContains(self.client.get(f"{LIST}?p=2"), f'href="{EXPORT}?"')
        self.assertEqual(len(self.exported()), 250)

    def test_ticked_rows_alone_are_exported(self) -> None:
        rows = [self.simulation(name=str(number)) for number in range(4)]
        exported = self.read(self.tick(rows[0], rows[2], select_across="1"))
        self.assertEqual([row["name"] for row in exported], ["2", "0"])

    def test_an_export_is_safe_to_open_in_a_spreadsheet(self) -> None:
        risky = User.objects.create(username="@sum")
        self.simulation(risky, name="=1+1")
        (row,) = self.read(self.client.get(EXPORT))
        self.assertEqual((row["name"], row["owner_username"]), ("'=1+1", "'@sum"))

    def test_staff_need_the_permission_to_look(self) -> None:
        row = self.simulation()
        self.become_staff_who_may("add_simulation", "delete_simulation", "view_user")
        self.assertEqual(self.client.get(EXPORT).status_code, 403)
        self.assertEqual(self.tick(row).status_code, 403)

    def test_staff_who_may_only_look_may_export(self) -> None:
        row = self.simulation()
        self.become_staff_who_may("view_simulation")
        self.assertContains(self.client.get(LIST), f'href="{EXPORT}?"')
        self.assertEqual(self.exported(), [row.name])
        self.assertEqual(len(self.read(self.tick(row))), 1)

    def test_a_stranger_is_sent_to_the_login(self) -> None:
        self.client.logout()
        self.assertEqual(self.client.get(EXPORT)["Location"], f"/admin/login/?next={EXPORT}")

    def test_parameters_that_make_no_sense_lead_to_the_list(self) -> None:
        for query in ("start_date__gte=x", "start_date__gte=2026-13-01", "nothing=1"):
            with self.subTest(query):
                self.assertRedirects(self.client.get(f"{EXPORT}?{query}"), f"{LIST}?e=1")

    def test_owners_are_no_join_and_no_query_of_a_row(self) -> None:
        def queries() -> list[str]:
            with CaptureQueriesContext(connection) as captured:
                self.exported()
            return [query["sql"] for query in captured]

        self.simulation()
        before = queries()
        for owner in (self.alice, self.bob, self.carol):
            self.simulation(owner)
        self.assertEqual(len(queries()), len(before))
        (sql,) = [sql for sql in before if "owner_username" in sql]
        self.assertNotIn("JOIN", sql)

    def test_an_export_takes_no_more_memory_for_more_rows(self) -> None:
        peaks = []
        for _ in range(2):
            rows = (Simulation(owner=self.alice, **{**VALID, "name": "x" * 300}) for _ in range(5_000))
            Simulation.objects.bulk_create(rows)
            peaks.append(self.peak())
        self.assertLess(peaks[1], 1.25 * peaks[0])

    def peak(self) -> int:
        """Return how many bytes were in use at a time while a client read the export part by part."""
        tracemalloc.start()
        try:
            response: Any = self.client.get(EXPORT)
            for _ in response:
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
